"""The solution's process: imports the answer's modules, and does with their objects what the tests ask."""

# Paths are plain strings here: pathlib would be loaded into every candidate.
from __future__ import annotations

import builtins
import importlib
import operator
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from cascade.validators.inside.peer import Peer
from cascade.validators.inside.shown import describe_call, text_of
from cascade.validators.inside.values import decode, encode

MUTABLE = (list, dict, set, bytearray)
# What the tests may do to an object besides calling it; names of functions of the operator module, or builtins.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "getattr": getattr, "setattr": setattr, "len": len, "iter": iter, "next": next, "str": str, "repr": repr,
    "hash": hash, "bool": bool, "abs": abs, "isinstance": isinstance, "issubclass": issubclass, "dir": dir,
    "float": float, "int": int, "enter": lambda one: type(one).__enter__(one),
    "exit": lambda one, *what: type(one).__exit__(one, *what),
    **{name: getattr(operator, name) for name in (
        "getitem", "setitem", "delitem", "contains", "eq", "ne", "lt", "le", "gt", "ge", "add", "sub", "mul",
        "truediv", "floordiv", "mod", "pow", "matmul", "neg", "pos", "invert", "lshift", "rshift",
    )},
}  # fmt: skip


class Solution:
    """Holds the objects that the tests have references to."""

    def __init__(self, connection: Any, root: str) -> None:
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._root = os.path.realpath(root)
        self._peer = Peer(connection, self._answer)

    def serve(self) -> None:
        """Until the tests are done."""
        self._peer.serve()

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            value, changed = self._do(question)
            return {"value": self._encode(value), "changed": [[at, self._encode(one)] for at, one in changed]}
        except BaseException as error:  # noqa: BLE001  (whatever the answer raises is told to the tests)
            return {"error": self._error(error)}

    def _do(self, question: dict[str, Any]) -> tuple[Any, list[tuple[int, Any]]]:
        kind = question["do"]
        if kind == "import":
            return importlib.import_module(question["name"]), []
        arguments = [self._decode(one) for one in question["arguments"]]
        if kind != "call":
            return OPERATIONS[kind](*arguments), []
        keywords = {name: self._decode(one) for name, one in question["keywords"].items()}
        before = [(at, encode(one, self._refer)) for at, one in enumerate(arguments) if type(one) in MUTABLE]
        value = arguments[0](*arguments[1:], **keywords)
        return value, [(at, arguments[at]) for at, was in before if encode(arguments[at], self._refer) != was]

    def _encode(self, value: Any) -> Any:
        return encode(value, self._refer)

    def _decode(self, data: Any) -> Any:
        return decode(data, self._resolve)

    def _refer(self, value: Any) -> dict[str, Any]:
        number = self._numbers.get(id(value))
        if number is None:
            number = len(self._objects)
            self._objects.append(value)  # kept for good, so that an id is never used twice
            self._numbers[id(value)] = number
        kind = type(value)
        about = {"ref": number, "type": kind.__name__, "iterator": hasattr(kind, "__next__")}
        if isinstance(value, type) and issubclass(value, BaseException):
            about["exception"] = [value.__name__, _builtin(value)]
        return about

    def _resolve(self, about: dict[str, Any]) -> Any:
        if "ref" in about:
            return self._objects[about["ref"]]
        number = about["callback"]

        def callback(*arguments: Any, **keywords: Any) -> Any:
            said = self._peer.ask(
                {
                    "callback": number,
                    "arguments": [self._encode(one) for one in arguments],
                    "keywords": {name: self._encode(one) for name, one in keywords.items()},
                }
            )
            if "error" in said:
                kind = getattr(builtins, said["error"]["builtin"], RuntimeError)
                raise kind(said["error"]["message"])
            return self._decode(said["value"])

        return callback

    def _error(self, error: BaseException) -> dict[str, Any]:
        kind = type(error)
        own = kind.__module__ != "builtins"
        try:
            arguments = [self._encode(one) for one in error.args]
        except Exception:  # noqa: BLE001  (the answer's own objects)
            arguments = []
        place = self._place(error.__traceback__)
        return {
            "name": kind.__name__,
            "builtin": _builtin(kind),
            "ref": self._refer(kind)["ref"] if own else None,
            "arguments": arguments,
            "message": text_of(error),
            **place,
        }

    def _place(self, trace: TracebackType | None) -> dict[str, Any]:
        """The innermost line of the answer's own, and the call of the answer's that led there."""
        inside = []
        while trace is not None:
            if trace.tb_frame.f_code.co_filename.startswith(self._root + os.sep):
                inside.append(trace)
            trace = trace.tb_next
        if not inside:
            return {"path": None, "line": None, "call": None}
        last = inside[-1]
        path = os.path.relpath(last.tb_frame.f_code.co_filename, self._root)
        return {"path": path, "line": last.tb_lineno, "call": describe_call(inside[0].tb_frame)}


def _builtin(kind: type[BaseException]) -> str:
    """The nearest exception that both sides know."""
    for base in kind.__mro__:
        if base.__module__ == "builtins":
            return base.__name__
    return "Exception"


def become_solution(connection: Any, root: str) -> None:
    """Run as the solution's process until the tests hang up. Never returns."""
    sys.path.insert(0, root)
    try:
        Solution(connection, root).serve()
    finally:
        os._exit(0)
