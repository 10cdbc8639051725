"""Declared graphs at work: every kind of node, every way to end, the books kept on every way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from cascade.codec import from_json
from cascade.config import from_mapping
from cascade.config.graph import default_graph
from cascade.errors import NodeError, UsageError
from cascade.models.scripted import Reply
from cascade.trace import NodeFinished, read_trace, verify
from cascade.types import Result, Task
from tests.integrations.conftest import BAD, GOOD, TASK, Rig, declared
from tests.waiting import HANGS_S, NEVER_S, until

Build = Callable[..., Rig]
TASKED: dict[str, Any] = {**TASK}
CODE = Task(**TASKED)
CHECKED = {
    "extract": {"extracted": "validate", "nothing": "STOP"},
    "validate": {"passed": "ACCEPT", "failed": "STOP", "unchecked": "STOP"},
}
CHECKING = {"extract": {"kind": "extract"}, "validate": {"kind": "validate"}}


def generate(tier: str, **more: Any) -> dict[str, Any]:
    return {"kind": "generate", "tier": tier, **more}


def answered(node: str = "extract", otherwise: str = "STOP") -> dict[str, str]:
    return {"answered": node, "*": otherwise}


async def test_a_config_and_its_expansion_leave_the_same_trace(rig: Build, tmp_path: Path) -> None:
    """Times and identifiers aside, line by line."""
    traces = []
    for graph in (None, default_graph().model_dump(exclude_none=True)):
        path = tmp_path / f"{bool(graph)}.jsonl"
        one = rig([BAD, BAD], [BAD, GOOD], trace_to=path, **({"graph": graph} if graph else {}))
        for number in range(3):
            await one.cascade.run(Task(**{**TASKED, "id": str(number)}))
        await one.cascade.aclose()
        traces.append([_timeless(event.model_dump(mode="json")) for event in read_trace(path).events])
    assert traces[0] == traces[1]
    assert len(traces[0]) > 30


def _timeless(value: Any) -> Any:
    drop = {"time", "at", "run_id", "trace_id", "span_id", "parent_span_id", "path"}
    if isinstance(value, dict):
        return {
            key: _timeless(item) for key, item in value.items() if key not in drop and not key.endswith("_s")
        }
    return [_timeless(item) for item in value] if isinstance(value, list) else value


async def test_a_route_by_metadata_chooses_tier_and_validators(rig: Build) -> None:
    graph = {
        "start": "kind",
        "nodes": {
            "kind": {"kind": "switch", "metadata": "kind", "cases": ["hard"]},
            "cheap": generate("flash"),
            "strong": generate("pro"),
            **CHECKING,
        },
        "edges": {
            "kind": {"hard": "strong", "other": "cheap"},
            "cheap": answered(),
            "strong": answered(),
            **CHECKED,
        },
    }
    one = rig([GOOD], [GOOD], graph=graph)
    for metadata, tier in (({"kind": "hard"}, "pro"), ({"kind": "easy"}, "flash"), ({}, "flash")):
        result = await one.cascade.run(Task(**TASKED, metadata=metadata))
        assert (result.status, result.tier, result.attempts[0].node) == (
            "accepted",
            tier,
            "strong" if tier == "pro" else "cheap",
        )


async def test_two_validate_nodes_add_up_to_one_verdict(rig: Build) -> None:
    graph = {
        "start": "write",
        "nodes": {
            "write": generate("flash"),
            "extract": {"kind": "extract"},
            "quick": {"kind": "validate", "validators": ["syntax"]},
            "lint": {"kind": "validate", "validators": ["ruff"]},
        },
        "edges": {
            "write": answered(),
            "extract": {"extracted": "quick", "nothing": "END"},
            "quick": {"passed": "lint", "*": "END"},
            "lint": "END",
        },
    }
    sloppy = "```python\nprint(unknown)\n```"
    result = await rig([sloppy], validators=["syntax", "ruff"], graph=graph).cascade.run(CODE)
    assert result.verdict is not None
    assert [(report.name, report.status) for report in result.verdict.reports] == [
        ("syntax", "passed"),
        ("ruff", "failed"),
    ]
    assert (result.status, len(result.attempts)) == ("rejected", 1)


async def test_a_function_of_yours_changes_the_candidate(rig: Build) -> None:
    graph = {
        "start": "write",
        "nodes": {
            "write": generate("flash"),
            "tidy": {
                "kind": "call",
                "function": "tests.graphs.functions:tidy",
                "uses": ["candidate"],
                "gives": ["candidate"],
            },
            **CHECKING,
        },
        "edges": {
            "write": answered(),
            "tidy": "validate",
            **CHECKED,
            "extract": {"extracted": "tidy", "nothing": "STOP"},
        },
    }
    result = await rig([GOOD], graph=graph).cascade.run(CODE)
    assert (result.status, result.files["a.py"]) == ("accepted", "# tidy\nprint(1)\n")
    assert "+# tidy\n" in result.patch


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("fails", "KeyError: 'yes'"),
        ("slow", "longer than 0.05 s"),
        ("unknown", "'surprise', and declared are: done"),
        ("greedy", "changed started"),
    ],
)
async def test_a_faulty_function_is_named_and_other_tasks_go_on(rig: Build, function: str, told: str) -> None:
    graph = {
        "start": "kind",
        "nodes": {
            "kind": {"kind": "switch", "metadata": "call", "cases": ["yes"]},
            "mine": {
                "kind": "call",
                "function": f"tests.graphs.functions:{function}",
                "timeout_s": 0.05 if function == "slow" else NEVER_S,
            },
            "write": generate("flash"),
            **CHECKING,
        },
        "edges": {"kind": {"yes": "mine", "other": "write"}, "mine": "write", "write": answered(), **CHECKED},
    }
    one = rig([GOOD], graph=graph)
    with pytest.raises(NodeError, match=r"graph\.nodes\.mine"):
        await one.cascade.run(Task(**TASKED, metadata={"call": "yes"}))
    tasks = [Task(**{**TASKED, "id": word}, metadata={"call": word}) for word in ("yes", "no")]
    results = {result.id: result async for result in one.cascade.run_many(tasks)}
    assert (results["yes"].status, results["no"].status) == ("error", "accepted")
    assert told in results["yes"].reason


async def test_a_loop_ends_at_its_bound(rig: Build) -> None:
    graph = {
        "start": "write",
        "nodes": {"write": generate("flash", max_visits=3), **CHECKING},
        "edges": {
            "write": {"answered": "extract", "failed": "write", "exhausted": "STOP", "limit": "STOP"},
            "extract": {"extracted": "validate", "nothing": "write"},
            "validate": {"passed": "ACCEPT", "failed": "write", "unchecked": "STOP"},
        },
    }
    one = rig([BAD], graph=graph)
    result = await one.cascade.run(CODE)
    assert (result.status, one.calls) == ("rejected", (3, 0))
    again = await one.cascade.run(CODE)
    assert (again.status, one.calls) == ("rejected", (6, 0)), "each task has visits of its own"


async def test_bounds_and_prices_of_a_node_stand_above_the_tier_s(rig: Build) -> None:
    graph = {
        "start": "write",
        "nodes": {
            "write": generate(
                "flash",
                max_output_tokens=77,
                max_usd=1.0,
                price={"input": 1000, "output": 1000},
                max_visits=5,
            ),
            **CHECKING,
        },
        "edges": {
            "write": {"answered": "extract", "failed": "STOP", "exhausted": "STOP", "limit": "STOP"},
            "extract": {"extracted": "validate", "nothing": "STOP"},
            "validate": {"passed": "ACCEPT", "failed": "write", "unchecked": "STOP"},
        },
    }
    one = rig([BAD], graph=graph)
    result = await one.cascade.run(CODE)
    assert one.flash.requests[0].extra == {"max_tokens": 77}
    usage = result.attempts[0].usage
    assert result.attempts[0].cost_usd == Decimal(usage.input + usage.output) / 1000
    assert (result.status, "write" in result.reason) == ("budget_exhausted", True)
    assert result.cost_usd is not None
    assert result.cost_usd <= 1


PARALLEL = {
    "start": "race",
    "nodes": {"race": {"kind": "parallel", "tiers": ["flash", "pro"]}},
    "edges": {"race": {"passed": "ACCEPT", "*": "STOP"}},
}


@pytest.mark.parametrize("winner", ["flash", "pro"])
async def test_of_two_at_once_the_first_accepted_wins_and_the_other_is_cancelled_and_booked(
    rig: Build, winner: str
) -> None:
    fast, slow = [GOOD], [Reply(text=GOOD, delay_s=NEVER_S)]
    one = rig(*((fast, slow) if winner == "flash" else (slow, fast)), graph=PARALLEL)
    async with asyncio.timeout(HANGS_S):
        result = await one.cascade.run(CODE)
    assert (result.status, result.tier) == ("accepted", winner)
    assert sorted(attempt.error or "" for attempt in result.attempts) == ["", "model.cancelled"]
    assert one.cascade.ledger.total.attempts == 2
    assert one.cascade._wired.services.budget.reserved == 0
    assert result.answer is not None
    assert result.answer.tier == winner


async def test_of_two_at_once_a_quick_wrong_answer_does_not_win(rig: Build) -> None:
    one = rig([BAD], [Reply(text=GOOD, delay_s=0.05)], graph=PARALLEL)
    result = await one.cascade.run(CODE)
    assert (result.status, result.tier, len(result.attempts)) == ("accepted", "pro", 2)


async def test_of_two_at_once_neither_right_gives_the_better_back(rig: Build) -> None:
    result = await rig([BAD], ["no code at all"], graph=PARALLEL).cascade.run(CODE)
    assert (result.status, len(result.attempts)) == ("rejected", 2)


async def test_the_trace_of_a_race_is_whole_and_wastes_what_lost(rig: Build, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    one = rig([BAD], [Reply(text=GOOD, delay_s=0.05)], graph=PARALLEL, trace_to=trace)
    result = await one.cascade.run(CODE)
    wasted = {name: sums.wasted_usd for name, sums in one.cascade.tally.tiers.items()}
    await one.cascade.aclose()
    assert verify(read_trace(trace)).ok
    assert result.answer is not None
    assert wasted == {"flash": result.attempts[0].cost_usd, "pro": 0}


async def test_cancelling_a_race_books_both_calls(rig: Build) -> None:
    late = [Reply(text=GOOD, delay_s=NEVER_S)]
    one = rig(late, late, graph=PARALLEL)
    running = asyncio.create_task(one.cascade.run(CODE))
    await until(lambda: one.calls == (1, 1), what="the two calls")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [entry.error for entry in one.cascade.ledger.entries] == ["model.cancelled"] * 2
    assert one.cascade._wired.services.budget.reserved == 0


async def test_another_config_as_a_node_shares_books_trace_and_numbers(rig: Build, tmp_path: Path) -> None:
    """The inner cascade fails twice, the outer one goes on: one task, one trace, attempts counted through."""
    inner = tmp_path / "inner.yaml"
    recording = tmp_path / "cheap.jsonl"
    line = '{"task_id": "task", "model": "cheap", "attempt": %d, "completion": "no code", "after": %s, '
    line += '"history": "%s", "usage": {"prompt_tokens": 10, "completion_tokens": 5}}\n'
    recording.write_text(line % (1, "null", "none") + line % (2, '"low"', "diagnostics"))
    tier = {
        "provider": "recorded",
        "model": "cheap",
        "recording": "cheap.jsonl",
        "price": {"input": 1, "output": 2},
    }
    inner.write_text(
        yaml.safe_dump(
            {
                **declared(),
                "tiers": {"low": tier, "mid": tier},
                "policy": {"use": "fixed", "order": ["low", "low"]},
            }
        )
    )
    graph = {
        "start": "first",
        "nodes": {
            "first": {"kind": "subgraph", "config": str(inner)},
            "write": generate("pro"),
            **CHECKING,
        },
        "edges": {"first": {"accepted": "ACCEPT", "*": "write"}, "write": answered(), **CHECKED},
    }
    trace = tmp_path / "trace.jsonl"
    one = rig([GOOD], [GOOD], graph=graph, trace_to=trace)
    result = await one.cascade.run(CODE)
    await one.cascade.aclose()
    assert [(attempt.number, attempt.tier) for attempt in result.attempts] == [
        (1, "low"),
        (2, "low"),
        (3, "pro"),
    ]
    assert result.status == "accepted"
    assert result.cost_usd == one.cascade.ledger.total.cost_usd
    assert verify(read_trace(trace)).ok
    events = read_trace(trace).events
    assert [event.event for event in events].count("task.started") == 1
    assert [event.event for event in events].count("task.finished") == 1
    assert len({event.trace_id for event in events if event.task_id}) == 1
    assert [event.outcome for event in events if isinstance(event, NodeFinished)] == ["rejected"]


APPROVAL: dict[str, Any] = {
    "start": "classify",
    "nodes": {
        **{name: {"kind": name} for name in ("classify", "generate", "extract", "validate", "decide")},
        "approve": {"kind": "human", "ask": "May this be merged?", "max_visits": 3},
    },
    "edges": {
        "classify": {"routed": "generate", "stop": "END"},
        "generate": {"answered": "extract", "failed": "decide", "exhausted": "END"},
        "extract": {"extracted": "validate", "nothing": "decide"},
        "validate": "decide",
        "decide": {"accept": "approve", "retry": "generate", "escalate": "generate", "stop": "END"},
        "approve": {"approve": "END", "reject": "generate", "limit": "STOP"},
    },
}


async def test_a_person_approves_or_sends_it_back_with_a_reason(rig: Build) -> None:
    """The reason is what the next attempt is shown; nothing is paid while it waits or when it resumes."""
    one = rig([GOOD, "```python\nprint(2)\n```"], graph=APPROVAL)
    graph = one.cascade.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    asked = (await graph.ainvoke({"task": TASK}, config))["__interrupt__"][0].value
    assert (asked["ask"], asked["choices"], asked["files"]) == (
        "May this be merged?",
        ["approve", "reject"],
        {"a.py": "print(1)\n"},
    )
    await graph.ainvoke(Command(resume={"choice": "reject", "fault": "print two"}), config)
    assert "print two" in str(one.flash.requests[1].messages)
    held = await graph.ainvoke(Command(resume="maybe"), config)
    assert held["__interrupt__"][0].value["not_a_choice"] == "maybe"
    assert one.calls == (2, 0)
    ended = await graph.ainvoke(Command(resume="approve"), config)
    result = from_json(Result, ended["result"])
    assert (result.status, result.files, one.calls) == ("accepted", {"a.py": "print(2)\n"}, (2, 0))


async def test_without_anybody_to_ask_nothing_is_paid(rig: Build) -> None:
    one = rig([GOOD], graph=APPROVAL)
    with pytest.raises(UsageError, match="human"):
        await one.cascade.run(CODE)
    assert one.calls == (0, 0)


async def test_a_rejected_acceptance_does_not_stand_for_the_next_answer(rig: Build) -> None:
    """The policy's `accept` was about the answer before: END judges the new one by its verdict."""
    graph = {
        **APPROVAL,
        "nodes": {
            **APPROVAL["nodes"],
            "again": generate("pro"),
            "read": {"kind": "extract"},
            "look": {"kind": "validate"},
        },
        "edges": {
            **APPROVAL["edges"],
            "approve": {"approve": "END", "reject": "again", "limit": "STOP"},
            "again": answered("read", "END"),
            "read": {"extracted": "look", "nothing": "END"},
            "look": "END",
        },
    }
    one = rig([GOOD], [BAD], graph=graph)
    compiled = one.cascade.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    await compiled.ainvoke({"task": TASK}, config)
    ended = await compiled.ainvoke(Command(resume="reject"), config)
    result = from_json(Result, ended["result"])
    assert (result.status, result.files) == ("rejected", {"a.py": "print(1)\n"})


async def test_a_graph_may_begin_where_it_comes_back_to(rig: Build) -> None:
    """The task begins once, also on a thread that had another task before."""
    graph = {
        "start": "write",
        "nodes": {"write": generate("flash", max_visits=2), **CHECKING},
        "edges": {
            "write": {"answered": "extract", "failed": "write", "exhausted": "STOP", "limit": "STOP"},
            "extract": {"extracted": "validate", "nothing": "write"},
            "validate": {"passed": "ACCEPT", "failed": "write", "unchecked": "STOP"},
        },
    }
    one = rig([BAD, GOOD], graph=graph)
    compiled = one.cascade.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    for attempts in (2, 1):
        state = await compiled.ainvoke({"task": TASK}, config)
        assert len(state["result"]["attempts"]) == attempts


async def test_a_node_may_be_called_like_a_key_of_the_state(rig: Build) -> None:
    graph = {
        "start": "result",
        "nodes": {
            "result": generate("flash"),
            "begin": {"kind": "extract"},
            "validate": {"kind": "validate"},
        },
        "edges": {
            "result": answered("begin"),
            "begin": {"extracted": "validate", "nothing": "STOP"},
            "validate": "END",
        },
    }
    assert (await rig([GOOD], graph=graph).cascade.run(CODE)).status == "accepted"


async def test_a_decide_node_may_have_a_policy_of_its_own(rig: Build) -> None:
    graph = default_graph().model_dump(exclude_none=True)
    graph["nodes"]["decide"]["policy"] = {"use": "fixed", "order": ["flash", "pro"]}
    one = rig([BAD], [GOOD], graph=graph)
    result = await one.cascade.run(CODE)
    assert (result.tier, one.calls) == ("pro", (1, 1))


def test_a_function_that_is_not_there_is_an_error_before_anything_runs() -> None:
    from cascade import Cascade
    from cascade.errors import ConfigError

    graph = {
        "start": "mine",
        "nodes": {"mine": {"kind": "call", "function": "tests.graphs.functions:missing"}},
        "edges": {"mine": "STOP"},
    }
    with pytest.raises(ConfigError, match=r"graph\.nodes\.mine\.function"):
        Cascade.from_config(from_mapping(declared(graph=graph)))


async def test_a_person_is_asked_from_within_another_config_too(rig: Build, tmp_path: Path) -> None:
    inner = tmp_path / "inner.yaml"
    recording = tmp_path / "cheap.jsonl"
    recording.write_text(
        '{"task_id": "task", "model": "cheap", "completion": "```python\\nx = 1\\n```", '
        '"usage": {"prompt_tokens": 10, "completion_tokens": 5}}\n'
    )
    tier = {
        "provider": "recorded",
        "model": "cheap",
        "recording": "cheap.jsonl",
        "price": {"input": 1, "output": 2},
    }
    inner.write_text(
        yaml.safe_dump(
            {
                **declared(),
                "tiers": {"low": tier, "mid": tier},
                "graph": APPROVAL,
                "policy": {"use": "fixed", "order": ["low"]},
            }
        )
    )
    graph = {
        "start": "first",
        "nodes": {"first": {"kind": "subgraph", "config": str(inner)}},
        "edges": {"first": {"accepted": "ACCEPT", "*": "STOP"}},
    }
    one = rig([GOOD], graph=graph)
    with pytest.raises(UsageError, match="human"):
        await one.cascade.run(CODE)
    compiled = one.cascade.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    held = await compiled.ainvoke({"task": TASK}, config)
    assert held["__interrupt__"][0].value["ask"] == "May this be merged?"
    ended = await compiled.ainvoke(Command(resume="approve"), config)
    result = from_json(Result, ended["result"])
    assert (result.status, result.tier, len(result.attempts)) == ("accepted", "low", 1)
    assert one.cascade.ledger.total.attempts == 1, "resuming pays nothing again"
