"""The kinds of server: which jobs each knows, and what it prepares before it serves."""

from __future__ import annotations

from cascade.validators.inside import mypy_job, probe, pytest_job, server, syntax_job


def launcher() -> None:
    """Runs programs, parses, probes: nothing to prepare."""
    server.main({"probe": probe.job, "syntax": syntax_job.job}, lambda _: None)


def pytest() -> None:
    """Runs tests in forks of an interpreter that has imported pytest."""
    server.main({"pytest": pytest_job.job}, pytest_job.prepare)


def mypy() -> None:
    """Checks types in forks of an interpreter whose cache holds the standard library's stubs."""
    server.main({"mypy": mypy_job.job, "learn": mypy_job.learn}, mypy_job.prepare)
