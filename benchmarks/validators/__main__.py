"""`python -m benchmarks.validators`: warm and sandboxed beside the commands cold; then many verdicts."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cascade.types import Candidate, Task
from cascade.validators.catalog import build
from cascade.validators.installed import find_tool
from cascade.validators.sandbox import Sandbox, open_sandbox
from cascade.validators.suite import Suite

MODULE = '''"""Intervals on a line, as pairs of low and high, both included."""

from __future__ import annotations


def overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """True if they share a point."""
    return one[0] <= other[1] and other[0] <= one[1]


def merged(intervals: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same points in as few intervals as possible, from left to right."""
    result: list[tuple[float, float]] = []
    for one in sorted(intervals):
        if result and overlap(result[-1], one):
            last = result.pop()
            result.append((last[0], max(last[1], one[1])))
        else:
            result.append(one)
    return result


def length(intervals: list[tuple[float, float]]) -> float:
    """How much of the line they cover."""
    total = 0.0
    for low, high in merged(intervals):
        total += high - low
    return total
'''
TESTS = """from solution import length, merged


def test_merges():
    assert merged([(3, 4), (1, 2), (2, 2.5)]) == [(1, 2.5), (3, 4)]


def test_length():
    assert length([(1, 2), (1.5, 3)]) == 2
    assert length([]) == 0
"""
NAMES = ("ruff", "mypy", "pytest")


def cold(folder: Path) -> dict[str, float]:
    """Milliseconds of each command as one would type it, in this environment, without a cache."""
    commands = {
        "ruff": [str(find_tool("ruff")), "check", "--isolated", "--no-cache", "solution.py"],
        "mypy": [sys.executable, "-m", "mypy", "--cache-dir", os.devnull, "solution.py"],
        "pytest": [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_solution.py"],
    }
    # Without the plug-ins that happen to be installed here, which would cost pytest seconds.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    took = {}
    for name, command in commands.items():
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)
        took[name] = 1000 * (time.perf_counter() - started)
    return took


async def warm(suite: Suite) -> dict[str, float]:
    """Milliseconds of one verdict: each validator's, and all of it with its workspace."""
    task = Task(prompt="", tests={"test_solution.py": TESTS})
    started = time.perf_counter()
    verdict = await suite.check(task, Candidate(text="", files={"solution.py": MODULE}))
    took = 1000 * (time.perf_counter() - started)
    assert verdict.status == "passed", verdict
    return {**{report.name: 1000 * report.latency_s for report in verdict.reports}, "verdict": took}


def show(title: str, runs: list[dict[str, float]]) -> dict[str, float]:
    """Print and return the medians."""
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    cells = "  ".join(f"{name} {value:7.1f}" for name, value in medians.items())
    print(f"{title:<28}{cells}   (best verdict {min(run['verdict'] for run in runs):.1f})")
    return medians


async def speed(sandbox: Sandbox, rounds: int) -> None:
    """Warm beside cold, taken by turns so that a busy machine slows both."""
    staged = Suite(build(NAMES, sandbox=sandbox), sandbox=sandbox)
    together = Suite(staged.validators, sandbox=sandbox, stop_early=False)
    for _ in range(4):
        await asyncio.gather(warm(staged), warm(together))
    cold_runs, staged_runs, together_runs = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "solution.py").write_text(MODULE)
        (Path(folder) / "test_solution.py").write_text(TESTS)
        for _ in range(rounds):
            took = cold(Path(folder))
            cold_runs.append({**took, "verdict": sum(took.values())})
            staged_runs += [await warm(staged) for _ in range(3)]
            together_runs += [await warm(together) for _ in range(3)]
    print(f"a module of {len(MODULE.splitlines())} lines; layers: {', '.join(sandbox.layers)}; median ms")
    slow = show("cold, unsandboxed, in a row", cold_runs)
    fast = [show("warm, in stages", staged_runs), show("warm, all at once", together_runs)]
    print("times faster: " + ", ".join(f"{slow['verdict'] / one['verdict']:.1f}" for one in fast))
    await staged.aclose()


def usage(root: Path) -> dict[str, int]:
    """What a leak would show in: processes, descriptors, files, memory of ours and of the servers (MB)."""
    own = os.getpid()
    tree, size = {own}, 0
    for stat in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda path: int(path.parent.name)):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) in tree or int(stat.parent.name) == own:
            tree.add(int(stat.parent.name))
            size += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") >> 20
    return {
        "processes": len(tree),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "files": sum(1 for _ in root.rglob("*")),
        "MB resident": size,
    }


async def leaks(sandbox: Sandbox, count: int, at_once: int, say: Callable[[str], None] = print) -> None:
    """Many verdicts, several at once; what is there before and after."""
    suite = Suite(build(("syntax", *NAMES), sandbox=sandbox), stop_early=False, sandbox=sandbox)
    gate = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with gate:
            await warm(suite)

    await asyncio.gather(*(one() for _ in range(2 * at_once)))
    before = usage(sandbox.root)
    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    took = time.perf_counter() - started
    after = usage(sandbox.root)
    say(f"{count} verdicts, {at_once} at once: {took:.1f} s, {1000 * took / count:.0f} ms each")
    for name, value in after.items():
        say(f"  {name:<12} before {before[name]:>6}   after {value:>6}")
    await suite.aclose()


async def run(rounds: int, count: int, at_once: int) -> None:
    """Both benchmarks in one sandbox."""
    sandbox = open_sandbox()
    try:
        if rounds:
            await speed(sandbox, rounds)
        if count:
            await leaks(sandbox, count, at_once)
    finally:
        await sandbox.aclose()


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validators", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="cold runs to compare with; 0: no comparison")
    parser.add_argument("--verdicts", type=int, default=1000, help="verdicts in a row; 0: none")
    parser.add_argument("--at-once", type=int, default=8)
    options = parser.parse_args()
    asyncio.run(run(options.rounds, options.verdicts, options.at_once))


if __name__ == "__main__":
    main()
