"""The tests' process: modules of the answer are stand-ins whose every use is asked of the solution's process.

What comes back as plain data is compared here, by types of ours. What is no plain data stays there: two such
objects are compared there, but one of them and plain data never are.
"""

from __future__ import annotations

import builtins
import importlib.abc
import importlib.machinery
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from cascade.validators.inside import layout
from cascade.validators.inside.peer import LineClosedError, Peer
from cascade.validators.inside.shown import PLACE
from cascade.validators.inside.values import decode, encode

# An operator's left and right form.
BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "lshift", "rshift")
ORDER = ("lt", "le", "gt", "ge")


class SolutionError(Exception):
    """The answer raised what may not pass through the tests (SystemExit, a skip), or its process ended."""


class Line:
    """Asks the solution's process, and keeps track of what stands for what."""

    def __init__(self, connection: Any) -> None:
        self._peer = Peer(connection, self._callback)
        self._callbacks: list[Callable[..., Any]] = []
        self._exceptions: dict[int, type[BaseException]] = {}
        self._numbers: dict[type[BaseException], int] = {}

    def module(self, name: str) -> Any:
        """Import one of the answer's modules there."""
        return self._value(self._ask({"do": "import", "name": name}))

    def do(self, what: str, *arguments: Any) -> Any:
        """One operation on objects there."""
        return self._value(self._ask({"do": what, "arguments": [self._encode(one) for one in arguments]}))

    def call(self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Call; lists, dicts and sets that the answer changed are changed here too."""
        said = self._ask(
            {
                "do": "call",
                "arguments": [self._encode(one) for one in (function, *arguments)],
                "keywords": {name: self._encode(one) for name, one in keywords.items()},
            }
        )
        for at, data in said.get("changed") or ():
            _refill(arguments[at - 1], decode(data, self._resolve))
        return self._value(said)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            said = self._peer.ask(question)
        except LineClosedError as error:
            raise SolutionError(str(error)) from None
        if "error" in said:
            raise self._error(said["error"]) from None
        return said

    def _value(self, said: dict[str, Any]) -> Any:
        try:
            return decode(said.get("value"), self._resolve)
        except (ValueError, TypeError, KeyError, RecursionError, ArithmeticError) as error:
            raise SolutionError(f"the answer's value cannot be understood: {error}") from None

    def _encode(self, value: Any) -> Any:
        return encode(value, self._refer)

    def _refer(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Remote):
            return {"ref": object.__getattribute__(value, "_number")}
        if isinstance(value, type) and value in self._numbers:
            return {"ref": self._numbers[value]}
        if not callable(value):
            raise TypeError(
                f"a {type(value).__name__} of the tests cannot be given to a solution that runs apart"
            )
        self._callbacks.append(value)
        return {"callback": len(self._callbacks) - 1}

    def _resolve(self, about: Any) -> Any:
        number = about["ref"]
        if not isinstance(number, int):
            raise TypeError("no reference")
        if "exception" in about:
            return self._exception(number, *map(str, about["exception"]))
        return RemoteIterator(self, number) if about.get("iterator") else Remote(self, number)

    def _exception(self, number: int, name: str, builtin: str) -> type[BaseException]:
        """A class that stands for one of the answer's exceptions."""
        if number not in self._exceptions:
            known = _known(builtin)
            made = type(name, (known,), {}) if known is not None else SolutionError
            self._exceptions[number] = made
            self._numbers[made] = number
        return self._exceptions[number]

    def _error(self, about: dict[str, Any]) -> BaseException:
        known = _known(str(about.get("builtin")))
        message = str(about.get("message"))
        if known is None:
            made: BaseException = SolutionError(f"the answer raised {about.get('name')}: {message}")
        elif isinstance(about.get("ref"), int):
            made = self._exception(about["ref"], str(about.get("name")), str(about.get("builtin")))(message)
        else:
            made = _make(known, [decode(one, self._resolve) for one in about.get("arguments") or ()], message)
        setattr(made, PLACE, {key: about.get(key) for key in ("path", "line", "call", "name")})
        return made

    def _callback(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer calls a function of the tests."""
        try:
            arguments = [decode(one, self._resolve) for one in question["arguments"]]
            keywords = {str(name): decode(one, self._resolve) for name, one in question["keywords"].items()}
            value = self._callbacks[question["callback"]](*arguments, **keywords)
            return {"value": self._encode(value)}
        except Exception as error:  # noqa: BLE001  (what the tests' function raises goes to the answer that called it)
            return {"error": {"builtin": type(error).__name__, "message": str(error)}}


class Remote:
    """Stands for an object in the solution's process."""

    def __init__(self, line: Line, number: int) -> None:
        object.__setattr__(self, "_line", line)
        object.__setattr__(self, "_number", number)

    def _do(self, what: str, *arguments: Any) -> Any:
        line: Line = object.__getattribute__(self, "_line")
        return line.do(what, self, *arguments)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        line: Line = object.__getattribute__(self, "_line")
        return line.call(self, arguments, keywords)

    def __getattr__(self, name: str) -> Any:
        return self._do("getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._do("setattr", name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and bool(self._do("eq", other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return int(self._do("hash"))

    def __bool__(self) -> bool:
        return bool(self._do("bool"))

    def __len__(self) -> int:
        return int(self._do("len"))

    def __iter__(self) -> Iterator[Any]:
        found: Iterator[Any] = self._do("iter")
        return found

    def __getitem__(self, key: Any) -> Any:
        return self._do("getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._do("setitem", key, value)

    def __delitem__(self, key: Any) -> None:
        self._do("delitem", key)

    def __contains__(self, key: Any) -> bool:
        return bool(self._do("contains", key))

    def __str__(self) -> str:
        return str(self._do("str"))

    def __repr__(self) -> str:
        return str(self._do("repr"))

    def __dir__(self) -> list[str]:
        return [str(name) for name in self._do("dir")]

    def __enter__(self) -> Any:
        return self._do("enter")

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return bool(self._do("exit", None if error is None else repr(kind), None, None))

    def __instancecheck__(self, one: Any) -> bool:
        line: Line = object.__getattribute__(self, "_line")
        return isinstance(one, Remote) and bool(line.do("isinstance", one, self))

    def __subclasscheck__(self, one: Any) -> bool:
        line: Line = object.__getattribute__(self, "_line")
        return isinstance(one, Remote) and bool(line.do("issubclass", one, self))


class RemoteIterator(Remote):
    """Stands for an iterator."""

    def __next__(self) -> Any:
        return self._do("next")


def _operators() -> None:
    """Arithmetic is done there; order is decided there only between two objects from there."""

    def arithmetic(name: str) -> None:
        setattr(Remote, f"__{name}__", lambda self, other: self._do(name, other))
        setattr(Remote, f"__r{name}__", lambda self, other: self._line.do(name, other, self))

    def order(name: str) -> None:
        def compare(self: Remote, other: Any) -> Any:
            return bool(self._do(name, other)) if isinstance(other, Remote) else NotImplemented

        setattr(Remote, f"__{name}__", compare)

    for name in BINARY:
        arithmetic(name)
    for name in ORDER:
        order(name)
    for name in ("neg", "pos", "invert", "abs"):
        setattr(Remote, f"__{name}__", lambda self, what=name: self._do(what))


_operators()


class RemoteModule(ModuleType):
    """A module of the answer, seen from the tests."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        try:
            return self.__dict__["_remote"].__getattr__(name)
        except AttributeError:
            if name == "__all__":
                return [one for one in self.__dict__["_remote"].__dir__() if not one.startswith("_")]
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__"):
            super().__setattr__(name, value)
        else:
            setattr(self.__dict__["_remote"], name, value)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the answer's modules, so that no code of the answer's is ever run by the tests' process."""

    def __init__(self, line: Line, modules: set[str]) -> None:
        self._line = line
        self._modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A spec for the answer's modules and the packages that hold them."""
        del path, target
        if fullname not in self._modules:
            return None
        package = any(name.startswith(f"{fullname}.") for name in self._modules)
        return importlib.machinery.ModuleSpec(
            fullname, self, origin="the solution's process", is_package=package
        )

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The stand-in."""
        module = RemoteModule(spec.name)
        module.__dict__["_remote"] = self._line.module(spec.name)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is executed here."""


def modules_of(files: Sequence[str]) -> set[str]:
    """The import names of the answer's files; a name of the standard library is never the answer's."""
    found: set[str] = set()
    for path in files:
        if path.endswith(".py"):
            parts = path.removesuffix(".py").split("/")
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found |= {".".join(parts[: end + 1]) for end in range(len(parts))}
    return {name for name in found if name.split(".")[0] not in layout.standard()}


def _known(name: str) -> type[Exception] | None:
    """A builtin exception that may pass through the tests; None for SystemExit and the like."""
    found = getattr(builtins, name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _make(kind: type[Exception], arguments: list[Any], message: str) -> BaseException:
    try:
        return kind(*arguments)
    except TypeError:
        return kind(message)


def _refill(mine: Any, theirs: Any) -> None:
    """Give a list, dict, set or bytearray of the tests the content that the answer left in it."""
    if isinstance(mine, (list, bytearray)):
        mine[:] = theirs
    elif isinstance(mine, (dict, set)):
        mine.clear()
        mine.update(theirs)
