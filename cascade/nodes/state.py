"""The state that travels through the graph: plain JSON types, so that any checkpointer can keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeAlias

from pydantic import ValidationError
from typing_extensions import TypedDict

from cascade.codec import from_json, to_json
from cascade.errors import InputError
from cascade.policy.base import Decision
from cascade.trace.ids import Scope
from cascade.types import Attempt, Task

Json: TypeAlias = dict[str, Any]  # a domain value as `cascade.codec.to_json` gives it


class Input(TypedDict):
    """What a caller gives: a mapping of the task's fields, or just the prompt. Plain JSON, as checkpoints want it."""

    task: Json | str


class Nested(Input):
    """What a subgraph node gives to the graph that it runs: the task, and itself (a `Parent`)."""

    parent: Json


class Output(TypedDict):
    """What a caller gets: a `Result` as JSON types."""

    result: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The node of another graph that runs this one: its span, and how many attempts were made before."""

    scope: Json
    attempts: int


def grown(before: list[Json] | None, new: list[Json] | None) -> list[Json] | None:
    """The reducer of `attempts`: they only grow, and one that is there already is replaced by its number.

    None begins afresh, when a thread is given its next task.
    """
    if new is None:
        return None
    numbers = {row["number"] for row in new}
    return [*(row for row in before or [] if row["number"] not in numbers), *new]


class State(TypedDict, total=False):
    """Everything that is known of one task. `attempts` only grows; `pending` is the attempt in the making.

    `outcome` is how the last node ended, `visits` counts those nodes whose visits are limited. `shadowing` is what is
    left to be made after the end, where the task was drawn. `context` is the sha256 of what is shown of its
    workspace.
    """

    task: Json | str
    scope: Json
    started: float
    probabilities: dict[str, float]
    attempts: Annotated[list[Json] | None, grown]
    pending: Json | None
    decision: Json | None
    result: Json | None
    parent: Json | None
    outcome: str
    visits: dict[str, int]
    shadowing: Json | None
    context: str | None


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


def decision_of(state: State) -> Decision | None:
    """The last decision, if there is one."""
    made = state.get("decision")
    return None if made is None else from_json(Decision, made)


def next_number(state: State) -> int:
    """The number of the next attempt; a graph within another counts on."""
    parent = state.get("parent")
    before = 0 if parent is None else from_json(Parent, parent).attempts
    return before + len(attempts_of(state)) + 1


def carried_out(state: State) -> Update:
    """What a new attempt leaves of a decision: an accept or a stop was about the answers before it."""
    decision = decision_of(state)
    if decision is None or decision.action not in ("accept", "stop"):
        return {}
    return {"decision": to_json(replace(decision, action="retry", exhausted=False))}


def merged(state: State, update: Update) -> State:
    """The state as it will be after the update, by the graph's reducers."""
    after: State = {**state, **update}
    if "attempts" in update:
        after["attempts"] = grown(state.get("attempts"), update["attempts"])
    return after
