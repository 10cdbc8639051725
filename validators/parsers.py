"""From a tool's output to located findings: SARIF, JSON by path, text by regular expression."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from pydantic import Field, field_validator

from cascade.types import Severity
from cascade.validators.options import Options

STEP = re.compile(r"\.?([^.\[\]]+)|\[(\*|\d+)\]")
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
FIELDS = ("path", "line", "column", "code", "severity", "message")
# How tools call what is an error, and what is less.
WORDS: Mapping[Severity, tuple[str, ...]] = {
    "error": ("error", "fatal", "critical", "blocker", "major", "failure"),
    "warning": ("warning", "warn", "minor"),
    "info": ("info", "information", "note", "none", "hint", "help", "style", "notice"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a tool said, not yet weighed. `severity` is None where the tool gives none."""

    message: str
    path: str | None = None
    line: int | None = None
    column: int | None = None
    code: str = ""
    severity: Severity | None = None


class Parser(Protocol):
    """Reads one tool's output."""

    def read(self, output: str) -> Iterator[Finding]:
        """The findings. Raises ValueError if the output is not what was expected."""
        ...


class Sarif(Options):
    """SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0): runs[].results[]."""

    def read(self, output: str) -> Iterator[Finding]:
        """One finding for each result, at its first location."""
        document = json.loads(output)
        for run in document["runs"]:
            for result in run.get("results") or ():
                first: dict[str, Any] = next(iter(result.get("locations") or ()), {})
                place = first.get("physicalLocation") or {}
                region = place.get("region") or {}
                yield Finding(
                    message=str((result.get("message") or {}).get("text", "")),
                    path=_text((place.get("artifactLocation") or {}).get("uri"), "file://"),
                    line=region.get("startLine"),
                    column=region.get("startColumn"),
                    code=str(result.get("ruleId") or ""),
                    severity=_severity(result.get("level", "warning"), {}),
                )


class JsonPath(Options):
    """`items` leads to the findings, the other paths from a finding to its parts (`^` starts at what holds it).

    A path is names and indices: `results[*].messages[*]`, `range.start.line`. `where` keeps findings with these
    values. `severities` maps the tool's words. `lines` reads one document a line. `base` is the first line's and
    column's number.
    """

    items: str = ""
    message: str = "message"
    path: str = "path"
    line: str = "line"
    column: str = "column"
    code: str = "code"
    severity: str = "severity"
    severities: Mapping[str, Severity] = Field(default_factory=dict)
    where: Mapping[str, str] = Field(default_factory=dict)
    lines: bool = False
    base: Literal[0, 1] = 1

    def read(self, output: str) -> Iterator[Finding]:
        """Findings in the order of the document."""
        texts = [line for line in output.splitlines() if line.startswith("{")] if self.lines else [output]
        for text in texts:
            for chain in _walk(json.loads(text), _steps(self.items), ()):
                if all(str(_part(chain, path)) == value for path, value in self.where.items()):
                    yield self._finding(chain)

    def _finding(self, chain: tuple[Any, ...]) -> Finding:
        return Finding(
            message=str(_part(chain, self.message) or ""),
            path=_text(_part(chain, self.path), "file://"),
            line=_number(_part(chain, self.line), self.base),
            column=_number(_part(chain, self.column), self.base),
            code=str(_part(chain, self.code) or ""),
            severity=_severity(_part(chain, self.severity), self.severities),
        )


class Regex(Options):
    """A pattern with named groups path, line, column, code, severity, message; matched on each line."""

    regex: str
    severities: Mapping[str, Severity] = Field(default_factory=dict)
    base: Literal[0, 1] = 1

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            groups = re.compile(value).groupindex
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        unknown = set(groups) - set(FIELDS)
        if unknown or "message" not in groups:
            raise ValueError(f"the named groups are {', '.join(FIELDS)}, and message is needed")
        return value

    def read(self, output: str) -> Iterator[Finding]:
        """One finding for each line that matches; others are passed over."""
        pattern = re.compile(self.regex)
        for line in ANSI.sub("", output).splitlines():
            match = pattern.search(line[:4000])
            if match is None:
                continue
            found = match.groupdict()
            yield Finding(
                message=(found["message"] or "").strip(),
                path=found.get("path"),
                line=_number(found.get("line"), self.base),
                column=_number(found.get("column"), self.base),
                code=found.get("code") or "",
                severity=_severity(found.get("severity"), self.severities),
            )


Steps: TypeAlias = tuple[str | int, ...]


def _steps(path: str) -> Steps:
    """`a[*].b[0]` as ("a", "*", "b", 0)."""
    return tuple(
        name or (index if index == "*" else int(index))
        for name, index in STEP.findall(path.removeprefix("$"))
    )


def _walk(value: Any, steps: Steps, above: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Every value that the steps lead to, behind the mappings that hold it, outermost first."""
    if not steps:
        yield (*above, value)
        return
    step, rest = steps[0], steps[1:]
    if step == "*":
        inner = value.values() if isinstance(value, Mapping) else value
        for one in inner if isinstance(value, list | Mapping) else ():
            yield from _walk(one, rest, above)
    elif isinstance(step, int):
        if isinstance(value, list) and step < len(value):
            yield from _walk(value[step], rest, above)
    elif isinstance(value, Mapping) and step in value:
        yield from _walk(value[step], rest, (*above, value))


def _part(chain: tuple[Any, ...], path: str) -> Any:
    """The first value at `path` from the finding, or from what holds it; None if there is none."""
    up = len(path) - len(path.lstrip("^"))
    if up >= len(chain):
        return None
    found = next(_walk(chain[-1 - up], _steps(path.lstrip("^")), ()), None) if path else None
    return found[-1] if found else None


def _number(value: Any, base: int) -> int | None:
    try:
        number = int(value) + 1 - base
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number > 0 else None


def _text(value: Any, prefix: str) -> str | None:
    return str(value).removeprefix(prefix) if value else None


def _severity(value: Any, own: Mapping[str, Severity]) -> Severity | None:
    """The tool's word or number for it as ours."""
    if value is None:
        return None
    word = str(value).lower()
    return own.get(str(value)) or next((ours for ours, theirs in WORDS.items() if word in theirs), None)
