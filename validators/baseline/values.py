"""The baseline as values: what each validator says of the workspace before an answer changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cascade.types import CheckStatus, Diagnostic, SuiteRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What one validator says of the untouched workspace."""

    status: CheckStatus
    detail: str | None = None
    """Why it is unchecked, if it is."""
    diagnostics: tuple[Diagnostic, ...] = ()
    run: SuiteRun | None = None
    """What came of each test, for a validator that runs tests."""
    flaky: tuple[str, ...] = ()
    """Tests that ended in another way the second time; they say nothing about an answer."""

    @property
    def passed(self) -> tuple[str, ...]:
        """Tests that pass."""
        return self._with("passed")

    @property
    def failed(self) -> tuple[str, ...]:
        """Tests that fail by themselves, and files that cannot be collected."""
        uncollected = () if self.run is None else self.run.uncollected
        failed = (*self._with("failed"), *uncollected)
        return tuple(test for test in failed if test not in self.not_runnable)

    @property
    def not_runnable(self) -> tuple[str, ...]:
        """Tests, or whole files, that fail because the sandbox refuses what they need."""
        if self.run is None:
            return ()
        return tuple(sorted(test for test in self.run.refused if self.run.tests.get(test) != "passed"))

    def _with(self, status: str) -> tuple[str, ...]:
        tests = {} if self.run is None else self.run.tests
        return tuple(test for test, came in tests.items() if came == status and test not in self.flaky)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The validators' words on the untouched workspace, by name."""

    by_validator: Mapping[str, Observed] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    """What no workspace can hold (links that lead out, what cannot be read), and why."""

    @property
    def suites(self) -> tuple[Observed, ...]:
        """What was observed by validators that run tests."""
        return tuple(seen for seen in self.by_validator.values() if seen.run is not None)

    @property
    def findings(self) -> int:
        """How many findings there are apart from tests."""
        return sum(len(seen.diagnostics) for seen in self.by_validator.values() if seen.run is None)

    @property
    def problems(self) -> Mapping[str, str]:
        """Why a validator could say nothing, by its name."""
        return {
            name: seen.detail or "it could not be checked"
            for name, seen in self.by_validator.items()
            if seen.status == "unchecked" and not (seen.run is not None and seen.run.tests)
        }

    def document(self) -> dict[str, object]:
        """As `cascade validate --json` prints it (design 5.10)."""
        suites = self.suites
        tests = {
            "passed": sum(len(seen.passed) for seen in suites),
            "failed": sum(len(seen.failed) for seen in suites),
            "flaky": [test for seen in suites for test in seen.flaky],
            "not_runnable": [test for seen in suites for test in seen.not_runnable],
            "failing": [test for seen in suites for test in seen.failed],
            "complete": all(seen.run is not None and seen.run.complete for seen in suites),
        }
        return {
            "tests": tests,
            "findings": self.findings,
            "problems": dict(self.problems),
            "left_out": dict(self.left_out),
        }
