"""Plain pytest in the package's own environment: what it says of a tree, by test, and how long it takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.repositories.changes import Change
from benchmarks.repositories.environment import Checkout

LIMIT_S = 600


@dataclass(frozen=True, slots=True)
class Plain:
    """One run: tests that failed, tests that ran, seconds."""

    failed: frozenset[str] = field(default_factory=frozenset)
    ran: frozenset[str] = field(default_factory=frozenset)
    seconds: float = 0.0

    def accepts(self, other: Plain) -> bool:
        """Whether a run after a change shows no fault that this one, without it, does not show."""
        return not other.failed - self.failed and not self.ran - other.ran


def run_plain(checkout: Checkout, change: Change | None = None) -> Plain:
    """The suite on the tree itself with the change written, which is taken back afterwards, time stamps too."""
    if change is None:
        return _run(checkout)
    file = checkout.root / change.path
    stamp = file.stat()
    with tempfile.TemporaryDirectory() as spare:
        kept = shutil.copy2(file, spare)
        try:
            file.write_text(change.new)
            return _run(checkout)
        finally:
            shutil.copy2(kept, file)
            os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def _run(checkout: Checkout) -> Plain:
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.xml"
        command = [
            str(checkout.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", f"{place}/t",
            f"--junitxml={report}", *checkout.package.tests,
        ]  # fmt: skip
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))
        }
        started = time.perf_counter()
        done = subprocess.run(
            command, cwd=checkout.root, env=environment, capture_output=True, timeout=LIMIT_S, check=False,
            stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        failed, ran = _outcomes(report)
    if done.returncode not in (0, 1) and not failed:
        failed = frozenset({f"exit {done.returncode}: {done.stdout[-200:]}"})
    return Plain(failed, ran, seconds)


def _outcomes(report: Path) -> tuple[frozenset[str], frozenset[str]]:
    if not report.exists():
        return frozenset(), frozenset()
    failed, ran = set(), set()
    for case in ET.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        bad = case.find("failure") is not None or case.find("error") is not None
        (failed if bad else ran).add(name)
    return frozenset(failed), frozenset(ran | failed)
