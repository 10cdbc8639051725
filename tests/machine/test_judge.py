"""The machine with a judge: judged after the checks, gone on from honestly, written down where a verdict is."""

from __future__ import annotations

import pytest

from cascade.graph import invoke
from cascade.integrations.opentelemetry.attributes import of_validation
from cascade.models.scripted import Answer
from cascade.policy.base import Policy
from cascade.policy.expected_value import Conditions, ExpectedValuePolicy
from cascade.policy.threshold import ThresholdPolicy
from cascade.report import Tally
from cascade.report.tables import judge_lines
from cascade.results import result_record
from cascade.trace.events import ValidationFinished
from cascade.types import Candidate, History, Report, Result, Task, Verdict
from tests.machine.doubles import Machine, WordChecks
from tests.policy.judges import RIGHT, WRONG, judge

BROKEN = WRONG + " (broken)"
UNCLEAR = WRONG + " (unclear)"


class Reading(WordChecks):
    """A check that only reads: `broken` fails it, `unclear` cannot be checked, all else passes."""

    names = ("ruff",)

    async def check(self, task: Task, candidate: Candidate) -> Verdict:
        if "broken" in candidate.text:
            return Verdict.of([Report(name="ruff", status="failed")])
        if "unclear" in candidate.text:
            return Verdict.of([Report(name="ruff", status="unchecked", detail="no tool")])
        return Verdict.of([Report(name="ruff", status="passed")])


async def ran(
    *flash: str, pro: Answer = RIGHT, policy: Policy | None = None, history: History | None = None
) -> tuple[Machine, Result]:
    machine = Machine(
        flash=flash,
        pro=[pro],
        checks=Reading(),
        judge=judge(others=("pro",)),
        policy=policy or ThresholdPolicy(0.0, default_attempts=2),
        history=history,
    )
    return machine, await invoke(machine.graph, Task(prompt="What is 2 + 2?", id="t1"))


async def test_a_likely_answer_is_accepted_at_once() -> None:
    _, result = await ran(RIGHT)
    assert (result.status, result.tier, len(result.attempts)) == ("accepted", "flash", 1)
    assert result.reason == "accept: flash passed every check, judged 0.80 likely right"


async def test_an_unlikely_one_is_tried_again_then_escalated() -> None:
    machine, result = await ran(WRONG, WRONG)
    assert [one.tier for one in result.attempts] == ["flash", "flash", "pro"]
    assert (result.status, result.output) == ("accepted", RIGHT)
    first, _, last = result.attempts
    assert first.judged is not None
    assert first.judged.p == pytest.approx(0.2)
    assert first.verdict is not None
    assert first.verdict.status == "passed"  # the verdict is the checks' own
    assert last.judged is None  # nobody judges pro's answers
    events = [event for event in machine.sink.events if isinstance(event, ValidationFinished)]
    told = [event.judged.p if event.judged else None for event in events]
    assert told == [pytest.approx(0.2), pytest.approx(0.2), None]
    assert of_validation(events[0])["cascade.judged.p"] == pytest.approx(0.2)
    assert "cascade.judged.p" not in of_validation(events[2])
    assert judge_lines(Tally.of(machine.sink.events)) == [
        "answer:sums judged 2 answers, mean 0.20 likely right, 2 too unlikely to be accepted"
    ]
    assert result_record(result)["attempts"][0]["judged"]["p"] == pytest.approx(0.2)


@pytest.mark.parametrize("history", ["full", "last", "diagnostics"])
async def test_the_next_attempt_is_told_that_nothing_failed(history: History) -> None:
    machine, _ = await ran(WRONG, RIGHT, history=history)
    said = str(machine.models["flash"].requests[1].messages)
    assert "No check found a fault" in said
    assert "estimated to be wrong" in said
    assert "failed its checks" not in said


async def test_where_nothing_is_accepted_the_likeliest_is_given_back_as_rejected() -> None:
    policy = ThresholdPolicy(0.0, attempts={"flash": 3, "pro": 0})
    _, result = await ran(WRONG, BROKEN, WRONG, policy=policy)
    assert (result.status, result.given) == ("rejected", 3)  # of equals the later; what failed comes last
    _, other = await ran(BROKEN, WRONG, BROKEN, policy=policy)
    assert (other.status, other.given) == ("rejected", 2)


async def test_what_cannot_be_checked_is_neither_accepted_nor_escalated() -> None:
    _, result = await ran(UNCLEAR)
    assert (result.status, len(result.attempts)) == ("rejected", 1)
    assert result.reason == "stop: ruff could not check"


async def test_the_expected_value_policy_weighs_the_judges_word() -> None:
    conditions = Conditions(per_tier={"flash": 1, "pro": 1})
    dear = ExpectedValuePolicy(50.0, conditions=conditions)
    machine, result = await ran(WRONG, policy=dear)
    assert [one.tier for one in result.attempts] == ["flash", "pro"]
    reason = str(machine.events("policy.decided")[0].reason)  # type: ignore[attr-defined]
    assert reason.startswith("escalate: judged 0.20 likely right: accepting is worth $10.00, going on $2")
    _, kept = await ran(RIGHT, policy=ExpectedValuePolicy(0.0005, conditions=conditions))
    assert (kept.status, kept.tier) == ("accepted", "flash")
