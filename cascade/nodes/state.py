"""The state that travels through the graph: plain JSON types, so that any checkpointer can keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, TypeAlias

from pydantic import ValidationError
from typing_extensions import TypedDict

from cascade.codec import from_json
from cascade.errors import InputError
from cascade.policy.base import Decision
from cascade.trace.ids import Scope
from cascade.types import Attempt, Task

Json: TypeAlias = dict[str, Any]  # a domain value as `cascade.codec.to_json` gives it


class Input(TypedDict):
    """What a caller gives: a mapping of the task's fields, or just the prompt. Plain JSON, as checkpoints want it."""

    task: Json | str


class Output(TypedDict):
    """What a caller gets: a `Result` as JSON types."""

    result: Json


def grown(before: list[Json] | None, new: list[Json] | None) -> list[Json] | None:
    """The reducer of `attempts`: they only grow; None begins afresh, when a thread is given its next task."""
    return None if new is None else [*(before or []), *new]


class State(TypedDict, total=False):
    """Everything that is known of one task. `attempts` only grows; `pending` is the attempt in the making."""

    task: Json | str
    scope: Json
    started: float
    probabilities: dict[str, float]
    attempts: Annotated[list[Json] | None, grown]
    pending: Json | None
    decision: Json
    result: Json | None


Update: TypeAlias = State


def task_of(state: State) -> Task:
    """The task, whichever way it was given. Raises InputError if it is none."""
    given: object = state.get("task")
    if isinstance(given, Task):
        return given
    if isinstance(given, str):
        return Task(prompt=given)
    if isinstance(given, Mapping):
        try:
            return from_json(Task, given)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InputError(f"The task is not valid: {where}: {first['msg']}.", hint=_TASK_HINT) from error
    raise InputError("The graph was invoked without a task.", hint=_TASK_HINT)


_TASK_HINT = 'Invoke it with {"task": {"prompt": "..."}}; the other fields are those of a task file.'


def attempts_of(state: State) -> tuple[Attempt, ...]:
    """The attempts that are over, oldest first."""
    return tuple(from_json(Attempt, row) for row in state.get("attempts") or [])


def scope_of(state: State, run: Scope) -> Scope:
    """The task's root span. A task that is resumed by another process goes on in that one's run."""
    return replace(from_json(Scope, state["scope"]), run_id=run.run_id)


def decision_of(state: State) -> Decision:
    """The last decision."""
    return from_json(Decision, state["decision"])
