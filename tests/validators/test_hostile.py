"""124 programs that want out or want to pass: none does, as root or as a plain user, under each layer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cascade.validators.pytest import Pytest, PytestOptions
from cascade.validators.sandbox import Sandbox
from cascade.validators.sandbox.runtime import readable, world_readable
from tests.laws import first
from tests.validators.conftest import verdict
from tests.validators.hostile import forgeries, run
from tests.validators.hostile.escapes import RUNAWAYS


async def test_no_program_gets_out(layer: Sandbox) -> None:
    assert await run.escapes(layer) == []


A_RUNAWAY_OF_EACH_SORT = ["ignores signals and loops", "forks a bomb", "eats memory", "leaves a daemon"]


@pytest.mark.parametrize("names", first([A_RUNAWAY_OF_EACH_SORT, [*RUNAWAYS]]), ids=len)
async def test_no_runaway_stays_or_leaves_anything_behind(sandbox: Sandbox, names: list[str]) -> None:
    assert await run.runaways(sandbox, {name: RUNAWAYS[name] for name in names}) == []


async def test_no_wrong_answer_forges_a_pass(sandbox: Sandbox) -> None:
    assert await run.forgeries(sandbox) == []


@pytest.mark.parametrize("name", sorted({**forgeries.FORGERIES, **forgeries.NEED_APART}))
async def test_nothing_is_forged_where_the_solution_runs_apart(sandbox: Sandbox, name: str) -> None:
    files = {**forgeries.FORGERIES, **forgeries.NEED_APART}[name]
    apart = Pytest(sandbox, PytestOptions(apart=True))
    assert (await verdict(apart, files=files, tests=forgeries.TEST)).status == "failed"


async def test_the_pack_can_tell_a_right_answer(sandbox: Sandbox) -> None:
    right = {"solution.py": "def double(x):\n    return 2 * x\n"}
    for apart in (False, True):
        validator = Pytest(sandbox, PytestOptions(apart=apart))
        assert (await verdict(validator, files=right, tests=forgeries.TEST)).status == "passed"


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="already a plain user: the other tests are this one"
)
@pytest.mark.skipif(
    not world_readable((*readable(), str(Path.cwd()))), reason="no plain user can read this interpreter"
)
def test_no_program_gets_out_of_a_plain_users_sandbox() -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-m", "tests.validators.hostile.run", "landlock"],
        user=65534,
        group=65534,
        extra_groups=[],
        env={"PATH": "/usr/bin:/bin", "HOME": "/"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
