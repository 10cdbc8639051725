"""human: stop until a person has chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cascade.codec import from_json, to_json
from cascade.config.graph import HumanNode
from cascade.events import Emit
from cascade.nodes.services import Services
from cascade.nodes.state import State, Update, attempts_of, task_of
from cascade.nodes.step import Here, Outcome
from cascade.types import Attempt, Diagnostic, Report, Verdict

NAME = "human"


async def human(state: State, _services: Services, _emit: Emit, here: Here) -> Outcome:
    """Ask, and go on with the choice. What is no choice is asked again.

    A person answers with a choice, or with `{"choice": ..., "fault": "what is wrong"}`: the fault becomes a
    diagnostic of the answer, which the next attempt is shown.
    """
    declared = here.of(HumanNode)
    question = _question(state, here, declared)
    while True:
        answer = here.interrupt(question)
        choice = answer.get("choice") if isinstance(answer, Mapping) else answer
        if choice in declared.choices:
            return Outcome(str(choice), _faulted(state, answer))
        question = {**question, "not_a_choice": choice}


def _question(state: State, here: Here, declared: HumanNode) -> dict[str, Any]:
    """What the person gets to see, as JSON types."""
    task, last = task_of(state), _last(state)
    shown: dict[str, Any] = {
        "node": here.name,
        "ask": declared.ask,
        "choices": list(declared.choices),
        "task": task.id,
        "prompt": task.prompt,
    }
    if last is not None:
        verdict = None if last.verdict is None else to_json(last.verdict)
        shown |= {"tier": last.tier, "output": last.output, "files": dict(last.files), "verdict": verdict}
    return shown


def _last(state: State) -> Attempt | None:
    pending = state.get("pending")
    if pending is not None:
        return from_json(Attempt, pending)
    attempts = attempts_of(state)
    return attempts[-1] if attempts else None


def _faulted(state: State, answer: object) -> Update:
    fault = answer.get("fault") if isinstance(answer, Mapping) else None
    last = _last(state)
    if not fault or last is None:
        return {}
    told = Diagnostic(code="human.fault", message=str(fault))
    report = Report(name=NAME, status="failed", diagnostics=(told,))
    before = last.verdict.reports if last.verdict is not None else ()
    judged = replace(last, verdict=Verdict.of([*before, report]))
    return {"attempts": [to_json(judged)], "pending": None}
