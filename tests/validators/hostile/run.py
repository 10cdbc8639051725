"""Run the pack under one layer: `python -m tests.validators.hostile.run LAYER`. Exit 0 if everything was held."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from cascade.types import Candidate, Task, Verdict
from cascade.validators.pytest import Pytest, PytestOptions
from cascade.validators.sandbox import Sandbox, Use, open_sandbox
from cascade.validators.suite import Suite
from tests.validators.hostile.arena import SECRET, Arena
from tests.validators.hostile.escapes import ESCAPES, RUNAWAYS
from tests.validators.hostile.forgeries import FORGERIES, TEST

ATTACKED = {
    "test_attack.py": "from solution import attack\n\n\ndef test_held():\n"
    "    try:\n        reached = attack()\n    except (OSError, RuntimeError, ValueError, OverflowError):\n"
    "        reached = None\n    assert not reached\n"
}
RUNAWAY_S = 1.2


def program(body: str, host: Mapping[str, object]) -> str:
    """The answer whose `attack()` has this body."""
    return f"import os, socket\nHOST = {dict(host)!r}\n\n\ndef attack():\n{textwrap.indent(body, '    ')}\n"


async def check(
    sandbox: Sandbox, files: Mapping[str, str], tests: Mapping[str, str], timeout_s: float = 10.0
) -> Verdict:
    """One verdict of pytest alone."""
    suite = Suite([Pytest(sandbox, PytestOptions(timeout_s=timeout_s, memory_mb=512))], sandbox=sandbox)
    return await suite.check(Task(prompt="", tests=tests), Candidate(text="", files=files))


def leftovers(marker: str) -> Iterator[str]:
    """Processes whose working directory is, or was, below `marker`."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            place = str((process / "cwd").readlink())
        except OSError:
            continue
        if place.startswith(marker) and "/ws-" in place:
            yield f"{process.name}: {place}"


async def escapes(sandbox: Sandbox) -> list[str]:
    """Names of the attacks that got through, with what they reached."""
    found: list[str] = []
    with Arena(sandbox.root) as arena:
        for name, body in ESCAPES.items():
            verdict = await check(sandbox, {"solution.py": program(body, arena.host)}, ATTACKED)
            damage = arena.damage()
            if verdict.status != "passed" or damage:
                found.append(f"{name}: {verdict.status} {damage} {[d.message for d in verdict.diagnostics]}")
                if damage:
                    break
    return found


async def runaways(sandbox: Sandbox, pack: Mapping[str, str] = RUNAWAYS) -> list[str]:
    """Names of the runaway programs that were not ended, passed, or left something behind."""

    async def one(name: str, body: str) -> list[str]:
        verdict = await check(sandbox, {"solution.py": program(body, arena.host)}, ATTACKED, RUNAWAY_S)
        # One that was refused what it wanted raised an error, which is held: the test passes.
        return [f"{name}: {verdict}"] if verdict.status == "unchecked" else []

    with Arena(sandbox.root) as arena:
        lists = await asyncio.gather(*(one(name, body) for name, body in pack.items()))
        found = [fault for faults in lists for fault in faults]
        found += [*leftovers(str(sandbox.root)), *map(str, sandbox.root.glob("ws-*")), *arena.damage()]
    return found


async def forgeries(sandbox: Sandbox, pack: Mapping[str, Mapping[str, str]] = FORGERIES) -> list[str]:
    """Names of the wrong answers that passed."""
    found: list[str] = []
    for name, files in pack.items():
        verdict = await check(sandbox, files, TEST)
        if verdict.status != "failed":
            found.append(f"{name}: {verdict.status} {[r.detail for r in verdict.reports]}")
    return found


async def main(use: Use) -> int:
    """Run everything and say what got through."""
    os.environ["CASCADE_HOSTILE_SECRET"] = SECRET
    sandbox = open_sandbox(use)
    try:
        print("layers:", ", ".join(sandbox.layers), "uid", os.getuid())
        broken = [*await escapes(sandbox), *await runaways(sandbox), *await forgeries(sandbox)]
    finally:
        await sandbox.aclose()
    count = len(ESCAPES) + len(RUNAWAYS) + len(FORGERIES)
    print(f"{count} programs, {len(broken)} got through", *broken, sep="\n  ")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(cast("Use", sys.argv[1]))))
