"""What a run of the tests showed, by test: read from the records that came over the private channel."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

# From good to bad: of several reports on one test the worst counts.
Outcome: TypeAlias = Literal["skipped", "xfailed", "passed", "error", "failed", "missing"]
ORDER: tuple[Outcome, ...] = ("skipped", "xfailed", "passed", "error", "failed")
GOOD: frozenset[Outcome] = frozenset({"passed", "skipped", "xfailed"})
TIMEOUT_MARK = "Timeout ("


@dataclass(slots=True)
class Records:
    """What came over the channel: events in order, the stack at a timeout, and whether a record was broken."""

    events: list[dict[str, Any]] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)
    broken: bool = False

    def of(self, event: str) -> list[dict[str, Any]]:
        """The events of one kind."""
        return [record for record in self.events if record.get("event") == event]

    @property
    def complete(self) -> bool:
        """True if the end was reported, last and once, and nothing was out of order."""
        ends = self.of("end")
        return not self.broken and len(ends) == 1 and self.events[-1] is ends[0]


def read_records(report: bytes, nonce: str) -> Records:
    """Parse the channel; a record without the nonce or out of number marks the whole as broken."""
    records = Records()
    lines = report.decode("utf-8", "replace").splitlines()
    for index, line in enumerate(lines):
        if line.startswith(TIMEOUT_MARK):
            records.stack = lines[index:]
            break
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict) or record.get("nonce") != nonce:
            records.broken = True
            break
        if record.get("number") != len(records.events):
            records.broken = True
            break
        records.events.append(record)
    return records


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """One run of a suite. Tests are named by node id, as pytest prints them."""

    __test__ = False

    outcomes: Mapping[str, Outcome]
    """Of every test that was collected or that reported; `missing` if it was collected and never reported."""
    deselected: frozenset[str] = frozenset()
    """Tests that options (-k, -m, --deselect) left out."""
    uncollected: tuple[str, ...] = ()
    """Files whose import or collection failed."""
    failures: tuple[Mapping[str, Any], ...] = ()
    """The exceptions, in order: test, when (setup, call, teardown, collect, conftest), type, path, line, ..."""
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By test: what the sandbox refused while it ran (a socket, a change of modes)."""
    modules: Mapping[str, str] = field(default_factory=dict)
    """Modules that were imported from the workspace, or have a name that it provides, with their files."""
    functions: tuple[str, ...] = ("test",)
    """The project's `python_functions`."""
    files: frozenset[str] = frozenset()
    """Test files that were collected."""
    skipped_files: Mapping[str, bool] = field(default_factory=dict)
    """Files that left themselves out, and whether the answer made them."""
    usage: str = ""
    """pytest's own words, if it did not start: options, plug-ins, configuration."""
    complete: bool = True
    """Whether the run was reported to its end."""

    @property
    def collected(self) -> tuple[str, ...]:
        """The tests, in order."""
        return tuple(self.outcomes)


def summarize(records: Records) -> TestRun:
    """The records as a run."""
    names = [str(test) for record in records.of("collected") for test in record["tests"]]
    rules = records.of("rules")
    return TestRun(
        outcomes=_outcomes(names, records),
        deselected=frozenset(_listed(records, "deselected")),
        uncollected=tuple(str(record["file"]) for record in records.of("uncollected")),
        failures=tuple(records.of("failure")),
        refused={
            name: tuple(record["refused"])
            for record in records.of("tested")
            if record.get("refused") and (name := _name(record, names))
        },
        modules={name: file for record in records.of("modules") for name, file in record["files"]},
        functions=tuple(rules[-1]["functions"]) if rules else ("test",),
        files=frozenset(str(record["file"]) for record in records.of("file")),
        skipped_files={str(record["file"]): bool(record["by_answer"]) for record in records.of("skipped")},
        usage="\n".join(str(record["message"]) for record in records.of("usage")),
        complete=records.complete,
    )


def _listed(records: Records, event: str) -> Iterator[str]:
    for record in records.of(event):
        yield from map(str, record["tests"])


def _name(record: Mapping[str, Any], names: list[str]) -> str:
    test = record["test"]
    return names[test] if isinstance(test, int) and 0 <= test < len(names) else str(test)


def _outcomes(names: list[str], records: Records) -> dict[str, Outcome]:
    found: dict[str, Outcome] = dict.fromkeys(names, "missing")
    for record in records.of("tested"):
        outcome = _outcome(record)
        if outcome is None:
            continue
        name = _name(record, names)
        before = found.get(name, "missing")
        found[name] = outcome if before == "missing" else max(before, outcome, key=ORDER.index)
    return found


def _outcome(record: Mapping[str, Any]) -> Outcome | None:
    """What one report says; None if it is not final (a rerun)."""
    outcome = record["outcome"]
    if outcome == "failed":
        return "failed" if record.get("when", "call") == "call" else "error"
    if outcome == "skipped":
        # A skip or an expected failure that the answer raises is no outcome of the tests' own.
        return "xfailed" if record.get("expected") else "failed" if record.get("by_answer") else "skipped"
    return "passed" if outcome == "passed" else None
