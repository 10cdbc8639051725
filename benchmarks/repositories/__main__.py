"""`python -m benchmarks.repositories`: real packages, their own suites, changes that break them and that do not.

Needs an index of packages for its downloads; what was downloaded and installed is kept in --work.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.repositories.environment import prepare
from benchmarks.repositories.packages import Package, chosen
from benchmarks.repositories.verdicts import Case, Kind, Outcome, examine
from cascade.validators.sandbox import open_sandbox

COLUMNS = (
    "package", "plain pytest", "broken: rejected", "harmless: accepted", "as plain pytest",
    "tests of a verdict / pytest, s", "ratio", "all checks, s", "baseline, s", "tree unchanged",
)  # fmt: skip
HEAD = f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}"


def main() -> None:
    """Run the packages one after another, and print the table and what is wrong."""
    options = _arguments()
    counts: dict[Kind, int] = {"broken": options.broken, "harmless": options.harmless}
    outcomes = []
    print(HEAD, flush=True)
    for package in chosen(options.packages):
        outcome = _tried(package, options, counts)
        if outcome is not None:
            print(_row(outcome), flush=True)
            for line in _faults(outcome):
                print(line, file=sys.stderr, flush=True)
            outcomes.append(outcome)
    print(_total(outcomes))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.repositories", description=__doc__)
    parser.add_argument(
        "--packages", help="names, separated by spaces; NAME:need,need for others' test requirements"
    )
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "cascade-repositories")
    parser.add_argument("--broken", type=int, default=3)
    parser.add_argument("--harmless", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _tried(package: Package, options: argparse.Namespace, counts: dict[Kind, int]) -> Outcome | None:
    try:
        checkout = prepare(package, options.work)
    except (subprocess.CalledProcessError, LookupError) as error:
        said = getattr(error, "stderr", None) or b""
        print(f"{package.name}: left out: {error} {said[-300:]!r}", file=sys.stderr)
        return None
    sandbox = open_sandbox()
    try:
        outcome = examine(checkout, sandbox, seed=options.seed, counts=counts)
    finally:
        sandbox.close()
    if outcome.plain.ran == outcome.plain.failed:
        print(
            f"{package.name}: left out: no test passes under plain pytest; NAME:need,need installs more",
            file=sys.stderr,
        )
        return None
    return outcome


def _row(outcome: Outcome) -> str:
    cases = outcome.cases
    ratios = [case.tests_s / case.plain_s for case in cases]
    return " | ".join(
        [
            f"| {outcome.checkout.package.name} {outcome.checkout.version}",
            f"{len(outcome.plain.ran)} tests, {len(outcome.plain.failed)} fail",
            _share([case for case in cases if case.kind == "broken"]),
            _share([case for case in cases if case.kind == "harmless"]),
            f"{sum(case.agrees for case in cases)} of {len(cases)}",
            f"{_median([case.tests_s for case in cases])} / {_median([case.plain_s for case in cases])}",
            _median(ratios),
            _median([case.verdict_s for case in cases]),
            f"{outcome.baseline_s:.1f}",
            f"{'yes' if outcome.is_tree_unchanged else 'NO'} |",
        ]
    )


def _share(cases: list[Case]) -> str:
    return f"{sum(case.is_right for case in cases)} of {len(cases)}"


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):.2f}" if values else "-"


def _faults(outcome: Outcome) -> list[str]:
    """Every case that is not as it should be, with what the checks said."""
    name = outcome.checkout.package.name
    found = [f"{name}: {check}: {why}" for check, why in outcome.baseline.problems.items()]
    for seen in outcome.baseline.suites:
        found += [f"{name}: cannot run here: {', '.join(seen.not_runnable[:8])}"] if seen.not_runnable else []
        found += [f"{name}: fails before: {', '.join(seen.failed[:8])}"] if seen.failed else []
        found += [f"{name}: flaky: {', '.join(seen.flaky[:8])}"] if seen.flaky else []
    for case in outcome.cases:
        if case.is_right and case.agrees:
            continue
        said = f"{case.verdict.status}, plain pytest {'accepts' if case.plain_accepts else 'rejects'}"
        found.append(
            f"{name}: {case.kind} {case.change.path}:{case.change.function} ({case.change.what}): {said}"
        )
        for report in case.verdict.reports:
            errors = [each for each in report.diagnostics if each.severity == "error"][:3]
            found.append(f"    {report.name} {report.status}: {report.detail} {errors or ''}")
    return found


def _total(outcomes: list[Outcome]) -> str:
    cases = [case for outcome in outcomes for case in outcome.cases]
    if not cases:
        return "no case"
    broken, harmless = ([case for case in cases if case.kind == kind] for kind in ("broken", "harmless"))
    ratios = [case.tests_s / case.plain_s for case in cases]
    return (
        f"\n{len(outcomes)} packages: wrong rejected {_share(broken)}, right accepted {_share(harmless)}, "
        f"as plain pytest {sum(case.agrees for case in cases)} of {len(cases)}, "
        f"warm verdict / plain pytest {_median(ratios)} (median), "
        f"trees unchanged {sum(outcome.is_tree_unchanged for outcome in outcomes)} of {len(outcomes)}"
    )


if __name__ == "__main__":
    main()
