"""A forked child has a run of its own, and its parent goes on as if nothing had been."""

from __future__ import annotations

import asyncio
import pickle
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from cascade import Cascade, Task
from cascade.budget import Budget, BudgetFile
from cascade.codec import to_json
from cascade.errors import StorageError, UsageError
from cascade.trace.reader import read_trace
from cascade.trace.sink import JsonLinesSink
from cascade.trace.verify import verify
from cascade.validators.sandbox import open_sandbox
from cascade.validators.suite import Suite
from tests.integrations.conftest import GOOD, Rig
from tests.workers.forking import Child, in_child

TASK = Task(prompt="Print one.", target="a.py", id="first")
Ask: TypeAlias = Callable[[Cascade], Any]


def another() -> Task:
    """The task under a name of its own."""
    return replace(TASK, id=f"task-{uuid.uuid4().hex}")


WAYS: dict[str, Ask] = {
    "run_sync": lambda cascade: cascade.run_sync(another()),
    "run_blocking": lambda cascade: cascade.run_blocking(another()),
    "a graph compiled before": lambda cascade: cascade.graph.invoke({"task": to_json(another())}),
}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A cascade that writes a trace into a folder."""
    made = Rig([GOOD], [GOOD], trace_to=tmp_path / "traces")
    _ = made.cascade.graph  # compiled in the parent
    yield made
    asyncio.run(made.cascade.aclose())


def facts(cascade: Cascade) -> dict[str, Any]:
    """What tells one run from another."""
    return {
        "run": cascade._wired.services.run.run_id,
        "trace": cascade.trace_path,
        "attempts": cascade.ledger.total.attempts,
        "spent": str(cascade._wired.services.budget.spent),
        "tasks": cascade.tally.tasks,
    }


def closed(cascade: Cascade, way: Ask) -> dict[str, Any]:
    """Run a task, close, and say which run it was."""
    way(cascade)
    known = facts(cascade)
    asyncio.run(cascade.aclose())
    return known


def whole(path: Any) -> list[str]:
    """The events of a trace that is whole."""
    log = read_trace(path, strict=False)
    assert not verify(log).problems
    return [event.event for event in log.events]


@pytest.mark.parametrize(
    ("before", "inside"),
    [*((way, way) for way in WAYS), ("run_sync", "run_blocking"), ("run_blocking", "run_sync")],
)
def test_a_child_opens_its_own_run_and_the_parent_keeps_its_own(rig: Rig, before: str, inside: str) -> None:
    WAYS[before](rig.cascade)
    own = facts(rig.cascade)
    child = in_child(lambda: closed(rig.cascade, WAYS[inside]))
    assert child["run"] != own["run"]
    assert child["trace"] != own["trace"]
    assert (child["attempts"], child["tasks"]) == (1, 1), "its ledger begins with its first task"
    WAYS[before](rig.cascade)
    after = facts(rig.cascade)
    assert (after["run"], after["trace"], after["attempts"]) == (own["run"], own["trace"], 2)
    asyncio.run(rig.cascade.aclose())
    assert whole(after["trace"]).count("task.finished") == 2
    assert whole(child["trace"]).count("task.finished") == 1


def test_children_of_a_cascade_that_never_ran_have_a_run_each(rig: Rig) -> None:
    children = [Child(lambda: closed(rig.cascade, WAYS["run_blocking"])) for _ in range(3)]
    answers = [child.answer() for child in children]
    assert len({answer["run"] for answer in answers}) == 3
    assert len({answer["trace"] for answer in answers}) == 3
    assert rig.cascade.trace_path is None


def test_a_childs_child_has_its_own_run_too(rig: Rig) -> None:
    def below() -> Any:
        own = closed(rig.cascade, WAYS["run_sync"])
        return [own, in_child(lambda: closed(rig.cascade, WAYS["run_sync"]))]

    one, other = in_child(below)
    assert one["run"] != other["run"]
    assert one["trace"] != other["trace"]


def test_where_the_trace_is_a_file_the_child_writes_one_beside_it(tmp_path: Path) -> None:
    rig = Rig([GOOD], [GOOD], trace_to=tmp_path / "trace.jsonl")
    rig.cascade.run_blocking(TASK)
    child = in_child(lambda: closed(rig.cascade, WAYS["run_blocking"]))
    asyncio.run(rig.cascade.aclose())
    assert sorted(map(str, tmp_path.iterdir())) == sorted([str(tmp_path / "trace.jsonl"), child["trace"]])
    assert child["trace"].startswith(str(tmp_path / "trace-"))
    assert whole(child["trace"])[-1] == "run.finished"


def test_a_child_that_lives_on_does_not_hold_the_parents_trace(rig: Rig) -> None:
    rig.cascade.run_sync(TASK)
    path = rig.cascade.trace_path
    assert path is not None
    end, begun = _pipe_of_events()
    child = Child(lambda: begun.set() or end.wait())
    begun.wait()
    asyncio.run(rig.cascade.aclose())
    JsonLinesSink(path).close()  # whoever resumes the run may write to it now
    end.set()
    child.answer()


def test_a_sink_is_closed_in_a_child_and_open_in_the_parent(tmp_path: Path) -> None:
    from cascade.trace.events import RunStarted
    from cascade.trace.ids import Scope

    event = RunStarted(**Scope.of_run().fields(), config_sha256="", config={}, versions={}, sandbox=())

    def refused() -> str:
        with pytest.raises(StorageError) as caught:
            sink.emit(event)
        sink.close()
        return caught.value.code

    with JsonLinesSink(tmp_path / "trace.jsonl") as sink:
        assert in_child(refused) == "storage.closed"
        sink.emit(event)
    assert len(read_trace(tmp_path / "trace.jsonl").events) == 1


def test_the_draws_of_two_children_differ_though_the_seed_is_fixed(rig: Rig) -> None:
    def drawn() -> float:
        return rig.cascade._wired.services.draw()

    draws = [in_child(drawn) for _ in range(2)]
    assert draws[0] != draws[1]


class TestTheSandbox:
    """Directory, servers and uids are of one process."""

    def test_a_childs_is_its_own_and_the_parents_outlives_it(self) -> None:
        sandbox = open_sandbox()
        asyncio.run(sandbox.run(["/bin/true"]))

        def inside() -> Any:
            assert asyncio.run(sandbox.run(["/bin/echo", "child"])).stdout == b"child\n"
            root, owner = str(sandbox.root), sandbox.owner
            sandbox.close()
            return [root, owner]

        root, owner = in_child(inside)
        assert root != str(sandbox.root)
        assert not Path(root).exists()
        assert owner is None or owner != sandbox.owner
        assert sandbox.root.is_dir()
        assert asyncio.run(sandbox.run(["/bin/echo", "parent"])).stdout == b"parent\n"
        sandbox.close()

    def test_the_parents_servers_end_though_a_child_lives_on(self) -> None:
        sandbox = open_sandbox()
        asyncio.run(sandbox.run(["/bin/true"]))
        servers = [worker._process for idle in sandbox._opened().pool._idle.values() for worker in idle]
        end, begun = _pipe_of_events()
        child = Child(lambda: begun.set() or end.wait())
        begun.wait()
        sandbox.close()
        assert servers
        assert [server.returncode for server in servers] == [0] * len(servers), "hung up, not killed"
        end.set()
        child.answer()

    def test_a_suite_alone_serves_parent_and_child(self) -> None:
        from cascade.types import Candidate
        from cascade.validators.catalog import build

        sandbox = open_sandbox()
        suite = Suite(build(["syntax"], sandbox=sandbox), sandbox=sandbox)

        def check() -> str:
            return asyncio.run(suite.check(TASK, Candidate(text="", files={"a.py": "print(1)"}))).status

        assert [check(), in_child(check), check()] == ["passed"] * 3
        asyncio.run(suite.aclose())
        sandbox.close()


class TestBudgets:
    """A budget file holds over all processes; what the parent has set aside is not the child's to settle."""

    def test_a_forked_child_keeps_the_limit(self, tmp_path: Path) -> None:
        file = BudgetFile(tmp_path / "budget", Decimal(1), period="total")
        budget = Budget(above=(file,))
        held = budget.reserve(Decimal("0.4"))

        def inside() -> Any:
            held.settle(Decimal("0.4"))
            Budget(above=(file,)).reserve(Decimal("0.3")).settle(Decimal("0.25"))
            return str(file.left())

        assert in_child(inside) == "0.35", "0.4 is set aside by the parent, 0.25 spent by the child"
        held.settle(Decimal("0.1"))
        assert (file.spent(), file.left()) == (Decimal("0.35"), Decimal("0.65"))

    def test_what_a_dead_child_had_set_aside_is_its_own(self, tmp_path: Path) -> None:
        file = BudgetFile(tmp_path / "budget", Decimal(1), period="total")
        Budget(above=(file,)).reserve(Decimal("0.2")).settle(Decimal("0.2"))
        in_child(lambda: str(Budget(above=(file,)).reserve(Decimal("0.5")).amount))
        assert [orphan.reserved_usd for orphan in file.orphans()] == [Decimal("0.5")]
        assert file.spent() == Decimal("0.2")

    def test_children_side_by_side_never_pass_it(self, tmp_path: Path) -> None:
        rigs = Rig([GOOD], [GOOD], budget={"total_usd": 1, "file": str(tmp_path / "budget")})

        def spend() -> int:
            budget, count = rigs.cascade._wired.services.budget, 0
            for _ in range(20):
                try:
                    budget.reserve(Decimal("0.09")).settle(Decimal("0.08"))
                except Exception:
                    continue
                count += 1
            return count

        counts = [child.answer() for child in [Child(spend) for _ in range(3)]]
        file = BudgetFile(tmp_path / "budget", Decimal(1), period="total")
        assert file.spent() == sum(counts) * Decimal("0.08") <= 1
        assert file.left() < Decimal("0.09"), "it was used up"
        asyncio.run(rigs.cascade.aclose())


def test_a_cascade_that_is_sent_to_another_process_says_what_to_do(rig: Rig) -> None:
    with pytest.raises(UsageError, match="cannot be sent to another process") as caught:
        pickle.dumps(rig.cascade)
    assert "from_file" in caught.value.hint


def _pipe_of_events() -> tuple[Any, Any]:
    """Two events that a parent and its child share."""
    import multiprocessing

    context = multiprocessing.get_context("fork")
    return context.Event(), context.Event()
