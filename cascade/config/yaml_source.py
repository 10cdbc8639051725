"""YAML by the 1.2 core schema (as editors and JSON Schema read it), with positions, and without its traps.

`no` is text and not False, `012` is refused, tags and repeated keys are refused, anchors cannot explode.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from cascade.config.document import Document, Mark, Place, Problem, shown

MAX_NODES = 20_000
MAX_DEPTH = 64
MAX_DIGITS = 400
STANDARD = "tag:yaml.org,2002:"


class _Core(yaml.SafeLoader):
    """SafeLoader with the implicit types of YAML 1.2's core schema instead of 1.1's."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Core.add_implicit_resolver(STANDARD + _tag, re.compile(f"^(?:{_pattern})$"), _first)


CORE_RESOLVERS = _Core.yaml_implicit_resolvers


def parse_yaml(text: str, name: str, problems: list[Problem]) -> Document:
    """Read one document. What is wrong is added to `problems`; what could be read is returned all the same."""
    document = Document(name)
    try:
        loader = _Core(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        problems.append(_syntax(error))
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        mark = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        problems.append(
            Problem((), f"the character U+{_code(error.character):04X} may not stand in YAML", mark=mark)
        )
    except RecursionError:
        problems.append(Problem((), "is nested too deeply", mark=(1, 1)))
    except ValueError as error:
        # PyYAML builds a code point from an escape without looking at its size.
        problems.append(Problem((), f"is not YAML: {error}", mark=(1, 1)))
    else:
        if root is not None:
            document.data = _Walk(document, problems).value(root, (), ())
    return document


def _syntax(error: yaml.MarkedYAMLError) -> Problem:
    at = error.problem_mark or error.context_mark
    what = error.problem or error.context or "is not YAML"
    hint = ""
    if "'\\t'" in what:
        hint = "indent with spaces: YAML takes no tabs"
    elif "single document" in (error.context or ""):
        what, hint = "there is a second document", "one file is one config: remove the ---"
    elif error.context and error.context_mark is not None:
        hint = f"{error.context} in line {error.context_mark.line + 1}"
    return Problem((), f"is not YAML: {what}", hint, mark=_mark(at) if at else (1, 1))


def _code(character: str | int) -> int:
    return character if isinstance(character, int) else ord(character)


def _mark(mark: yaml.Mark) -> Mark:
    return mark.line + 1, mark.column + 1


class _Walk:
    """Turns nodes into data, noting where each stands."""

    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self.document = document
        self.problems = problems
        self.nodes = 0
        self.full = False

    def value(self, node: yaml.Node, place: Place, above: tuple[int, ...]) -> Any:
        """The data of a node. `above` are the ids of the nodes around it, so that a loop is seen."""
        self.nodes += 1
        self.document.values.setdefault(place, _mark(node.start_mark))
        if id(node) in above:
            return self._refuse(place, "an anchor contains itself", node)
        if self.nodes > MAX_NODES or len(above) > MAX_DEPTH:
            if not self.full:
                self._refuse(place, "is too large or too deep when its anchors are written out", node)
            self.full = True
            return None
        inside = (*above, id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place, inside)
        if isinstance(node, yaml.SequenceNode):
            if node.tag != STANDARD + "seq":
                self._refuse(place, f"the tag {shown(node.tag)} is not known", node, "remove it")
            return [self.value(item, (*place, index), inside) for index, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _mapping(self, node: yaml.MappingNode, place: Place, inside: tuple[int, ...]) -> dict[str, Any]:
        if node.tag != STANDARD + "map":
            self._refuse(place, f"the tag {shown(node.tag)} is not known", node, "remove it")
        found: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(place, "a key must be text", key)
                continue
            if key.tag == STANDARD + "merge":
                merged.append(value)
                continue
            here = (*place, key.value)
            if key.value in found:
                first = self.document.keys[here][0]
                self._refuse(here, f"stands here a second time (first in line {first})", key, "remove one")
                continue
            self.document.keys[here] = _mark(key.start_mark)
            found[key.value] = self.value(value, here, inside)
        for value in merged:
            self._merge(found, value, place, inside)
        return found

    def _merge(self, found: dict[str, Any], node: yaml.Node, place: Place, inside: tuple[int, ...]) -> None:
        """`<<: *anchor`: keys of the anchored mapping, where this one has none of its own."""
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self._merge(found, item, place, inside)
            return
        if not isinstance(node, yaml.MappingNode):
            self._refuse(place, "<< needs a mapping", node, "write <<: *anchor")
            return
        shadow = _Walk(Document(self.document.name), self.problems)
        shadow.nodes = self.nodes
        data = shadow.value(node, place, inside)
        self.nodes = shadow.nodes
        for key, value in (data or {}).items():
            if key in found:
                continue
            found[key] = value
            here = (*place, key)
            for marks, more in (
                (self.document.keys, shadow.document.keys),
                (self.document.values, shadow.document.values),
            ):
                marks.update({at: mark for at, mark in more.items() if at[: len(here)] == here})

    def _scalar(self, node: yaml.Node, place: Place) -> Any:
        kind = node.tag.removeprefix(STANDARD)
        text = node.value
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in {"int", "float"}:
            return self._number(node, place)
        if kind not in {"str", "merge"}:
            self._refuse(place, f"the tag {shown(node.tag)} is not known", node, "remove it")
        return text

    def _number(self, node: yaml.Node, place: Place) -> Any:
        text: str = node.value
        bare = text.lstrip("+-")
        if re.fullmatch(r"0[0-9]+", bare):
            hint = f"write {bare.lstrip('0') or '0'}, or {text!r} in quotes"
            return self._refuse(place, f"{text} may be read as octal or as decimal", node, hint)
        if bare.lower() in {".inf", ".nan"}:
            return self._refuse(place, f"{text} is not a number that can stand here", node)
        try:
            if bare[:2] in {"0o", "0x"}:
                number: int | float = int(text, 0)
            else:
                number = int(text) if re.fullmatch(r"[0-9]+", bare) else float(text)
        except ValueError:
            return self._refuse(place, f"{shown(text)} is not a number", node)
        if (isinstance(number, float) and math.isinf(number)) or len(text) > MAX_DIGITS:
            return self._refuse(place, f"{shown(text)} is too large", node)
        return number

    def _refuse(self, place: Place, what: str, node: yaml.Node, hint: str = "") -> None:
        self.problems.append(Problem(place, what, hint, mark=_mark(node.start_mark)))
