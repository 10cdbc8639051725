"""Validators taken together: order, early stop, what is skipped, and many at once."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import ConfigError, InputError
from cascade.types import Candidate, CheckStatus, Report, Task
from cascade.validators import catalog
from cascade.validators.order import Experience, learn, stages
from cascade.validators.sandbox import Sandbox
from cascade.validators.suite import Suite
from cascade.validators.workspace import Workspace
from tests.waiting import until

SOLUTION = {"solution.py": "def double(x: int) -> int:\n    return 2 * x\n"}
TESTS = {"test_solution.py": "from solution import double\ndef test(): assert double(2) == 4\n"}


@dataclass
class Fake:
    """A validator that says what it is told to."""

    name: str
    status: CheckStatus = "passed"
    stage: int = 1
    ran: list[str] = field(default_factory=list)
    error: Exception | None = None

    async def check(self, workspace: Workspace) -> Report:
        self.ran.append(self.name)
        if self.error is not None:
            raise self.error
        return Report(name=self.name, status=self.status)


async def check(*validators: Fake, stop_early: bool = True, **task: object) -> tuple[str, list[str]]:
    ran: list[str] = []
    for validator in validators:
        validator.ran = ran
    suite = Suite(validators, stop_early=stop_early)
    result = await suite.check(Task(prompt="", **task), Candidate(text=""))  # type: ignore[arg-type]
    return result.status, ran


async def test_it_stops_at_the_first_stage_that_fails() -> None:
    late = Fake("c", stage=2)
    assert await check(late, Fake("a", stage=0), Fake("b", "failed")) == ("failed", ["a", "b"])
    assert await check(late, Fake("b", "failed"), stop_early=False) == ("failed", ["c", "b"])


async def test_what_could_not_be_checked_neither_stops_nor_passes() -> None:
    assert await check(Fake("a", "unchecked", 0), Fake("b", stage=2)) == ("unchecked", ["a", "b"])


async def test_a_validators_own_crash_is_unchecked() -> None:
    assert await check(Fake("a", error=KeyError("x"))) == ("unchecked", ["a"])


async def test_nothing_to_run_is_unchecked() -> None:
    assert await check() == ("unchecked", [])


async def test_a_task_may_name_a_subset_in_its_own_order() -> None:
    assert await check(Fake("a"), Fake("b"), validators=("b",)) == ("passed", ["b"])


async def test_a_task_that_names_an_unknown_validator_is_wrong() -> None:
    with pytest.raises(InputError, match=r"unknown validators: x"):
        await check(Fake("a"), validators=("x",))


def test_experience_puts_what_fails_cheaply_first() -> None:
    records = [
        {
            "event": "validation.finished",
            "validators": [
                {"name": "slow", "status": "failed", "latency_s": 1.0},
                {"name": "cheap", "status": "failed" if number % 2 else "passed", "latency_s": 0.01},
                {"name": "useless", "status": "passed", "latency_s": 0.02},
                {"name": "broken", "status": "unchecked", "latency_s": 9.0},
            ],
        }
        for number in range(20)
    ]
    learnt = learn([*records, {"event": "other"}])
    assert (learnt["cheap"].runs, learnt["cheap"].failures) == (20, 10)
    assert learnt["cheap"].seconds == pytest.approx(0.2)
    assert "broken" not in learnt
    order = stages([Fake("slow"), Fake("useless"), Fake("new", stage=0), Fake("cheap")], learnt)
    assert [[one.name for one in group] for group in order] == [["cheap"], ["useless"], ["slow"], ["new"]]


@given(st.lists(st.tuples(st.floats(0.001, 10), st.floats(0.02, 0.98)), min_size=2, max_size=5))
def test_no_other_order_finds_a_failure_sooner_in_expectation(pairs: list[tuple[float, float]]) -> None:
    from itertools import permutations

    known = {
        str(number): Experience(runs=10**9, failures=int(rate * 10**9), seconds=cost * 10**9)
        for number, (cost, rate) in enumerate(pairs)
    }

    def expected(order: tuple[str, ...]) -> float:
        total, alive = 0.0, 1.0
        for name in order:
            cost, rate = pairs[int(name)]
            total += alive * cost
            alive *= 1 - rate
        return total

    ours = tuple(group[0].name for group in stages([Fake(name) for name in known], known))
    assert expected(ours) <= min(expected(order) for order in permutations(known)) * (1 + 1e-6)


def test_the_catalog_names_what_it_knows(sandbox: Sandbox) -> None:
    with pytest.raises(ConfigError, match=r"unknown validator 'ruf'") as caught:
        catalog.build(["ruf"], sandbox=sandbox)
    assert "ruff" in caught.value.hint
    with pytest.raises(ConfigError, match="two validators are named ruff"):
        catalog.build(["ruff", {"use": "ruff"}], sandbox=sandbox)
    with pytest.raises(ConfigError, match=r"validators\[0\].selct"):
        catalog.build([{"use": "ruff", "selct": []}], sandbox=sandbox)
    for name in catalog.HOMES:
        assert catalog.options_model(name) is not None


async def test_a_third_partys_validator_is_built_like_ours(sandbox: Sandbox) -> None:
    made = catalog.build(
        [{"use": "mine", "x": 1}], sandbox=sandbox, extra={"mine": lambda _, o: Fake(f"mine{o['x']}")}
    )
    assert made[0].name == "mine1"


async def test_many_at_once_and_nothing_is_left(sandbox: Sandbox) -> None:
    """A smaller form of benchmarks/validators: no process, descriptor or file is left after many verdicts."""
    suite = Suite(catalog.build(sandbox=sandbox), stop_early=False)
    wrong = {"solution.py": "def double(x: int) -> int:\n    return 3 * x\n"}

    async def one(number: int) -> str:
        files = SOLUTION if number % 2 else wrong
        return (await suite.check(Task(prompt="", tests=TESTS), Candidate(text="", files=files))).status

    async def round_of(count: int) -> list[str]:
        return await asyncio.gather(*(one(number) for number in range(count)))

    assert await round_of(8) == ["failed", "passed"] * 4
    descriptors, entries = len(list(Path("/proc/self/fd").iterdir())), set(sandbox.root.iterdir())
    assert await round_of(24) == ["failed", "passed"] * 12
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert set(sandbox.root.iterdir()) == entries
    assert not [path for path in Path("/proc").glob("[0-9]*/stat") if _zombie_of_ours(path)]


def _zombie_of_ours(path: Path) -> bool:
    try:
        fields = path.read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] == "Z" and int(fields[1]) == os.getpid()


async def test_cancelling_a_check_removes_its_workspace(sandbox: Sandbox) -> None:
    suite = Suite(catalog.build(["pytest"], sandbox=sandbox))
    files = {"solution.py": "import time\ntime.sleep(3600)\n"}
    task = asyncio.create_task(suite.check(Task(prompt="", tests=TESTS), Candidate(text="", files=files)))
    await until(lambda: sandbox._opened().pool._busy, what="the run")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(sandbox.root.glob("ws-*"))
