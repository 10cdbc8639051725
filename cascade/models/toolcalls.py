"""Tool calls out of the parts in which servers stream them.

The protocol says: a call's parts share an `index`; the first has `id` and `name`, the others add to `arguments`.
Servers leave out the index or the id, give every call the index 0, send a new id with each part, repeat a whole call,
or send arguments as an object. Which call a part belongs to is read from all of these together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from cascade.models.loose import loose_text
from cascade.surrogates import well_formed
from cascade.types import ToolCall


@dataclass(slots=True)
class _Call:
    index: int | None
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.arguments)

    @property
    def is_whole(self) -> bool:
        return _is_json(self.text)


class ToolCallAssembly:
    """The calls of one answer, so far.

    names: the tools that the request declared: they decide whether a second name is a call or the rest of a name.
    """

    def __init__(self, names: Collection[str] = ()) -> None:
        self._names = frozenset(names)
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def feed(self, part: Any) -> None:
        """Take one entry of `tool_calls`, or a `function_call` of the older protocol."""
        if not isinstance(part, Mapping):
            return
        function = part.get("function")
        function = function if isinstance(function, Mapping) else part
        identity, name = _word(part.get("id")), _word(function.get("name"))
        arguments = _arguments(function.get("arguments"))
        if not (identity or name or arguments):
            return
        call = self._of(_index(part.get("index")), identity, name, arguments)
        if call is None:
            return
        call.id = call.id or identity
        call.name = self._named(call, name)
        call.arguments.append(arguments)

    def calls(self, salt: str = "") -> tuple[ToolCall, ...]:
        """The calls in the order in which they began, each with an id of its own.

        salt: what is special to this answer, so that an id which has to be made occurs in no other.
        """
        taken: set[str] = set()
        made = []
        for number, call in enumerate(self._calls):
            arguments = _normal(well_formed(call.text))
            identity = well_formed(call.id)
            if not identity or identity in taken:
                identity = _made_id(salt, number, call.name, arguments)
            taken.add(identity)
            made.append(ToolCall(id=identity, name=well_formed(call.name), arguments=arguments))
        return tuple(made)

    @property
    def received(self) -> str:
        """All that was generated, to be counted."""
        return "".join(call.name + call.text for call in self._calls)

    def _of(self, index: int | None, identity: str, name: str, arguments: str) -> _Call | None:
        """The call that a part adds to; None: it repeats a call that is whole."""
        candidates = [call for call in self._calls if index is None or call.index in (index, None)]
        same = next((call for call in reversed(candidates) if identity and call.id == identity), None)
        call = same or (candidates[-1] if candidates else None)
        if call is None or self._is_another(call, identity, name, arguments):
            call = _Call(index=index)
            self._calls.append(call)
        elif name == call.name and arguments and call.text == arguments and call.is_whole:
            return None
        return call

    def _is_another(self, call: _Call, identity: str, name: str, arguments: str) -> bool:
        """Whether a part that could belong to `call` begins another one."""
        if not name or (identity and identity == call.id):
            return False
        if identity and call.id:
            return not call.text or call.is_whole
        if call.text:
            return call.is_whole and bool(arguments)
        return bool(call.name) and name in self._names and call.name in self._names

    def _named(self, call: _Call, name: str) -> str:
        """The name with one more part of it, which may also be the whole name again."""
        if not name or name == call.name or (call.name in self._names and call.text):
            return call.name or name
        if name.startswith(call.name) or call.text:
            return name if not call.text else call.name
        return call.name + name


def _word(value: object) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else loose_text(value)


def _index(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:9])
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _arguments(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else loose_text(value)


def _normal(text: str) -> str:
    """Arguments as they are; none at all are an empty object, and a JSON text within a JSON text is taken out."""
    if text.strip() in ("", "null", '""'):
        return "{}"
    if not text.lstrip().startswith('"'):
        return text
    inner = _loaded(text)
    return inner if isinstance(inner, str) and isinstance(_loaded(inner), dict) else text


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _made_id(*parts: object) -> str:
    digest = hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()
    return f"call_{digest[:24]}"
