"""subgraph: another config's graph, run on the task as a whole."""

from __future__ import annotations

from dataclasses import replace

from cascade.codec import from_json, to_json
from cascade.events import Emit
from cascade.nodes.services import Services
from cascade.nodes.state import Parent, State, attempts_of, carried_out, next_number, scope_of
from cascade.nodes.step import Here, Outcome
from cascade.types import Attempt, Result


async def subgraph(state: State, services: Services, _emit: Emit, here: Here) -> Outcome:
    """Run the other graph. Its attempts are this task's: counted on, and in the same books and trace."""
    scope = scope_of(state, services.run).child(here.name)
    parent = Parent(scope=to_json(scope), attempts=next_number(state) - 1)
    ended = await services.subgraphs[here.name]({"task": state["task"], "parent": to_json(parent)})
    result = from_json(Result, ended["result"])
    made = [to_json(attempt) for attempt in _given_last(result)]
    before = len(attempts_of(state))
    assert all(row["number"] > before for row in made), "attempts are counted on"
    return Outcome(result.status, {"attempts": made, "pending": None, **carried_out(state)})


def _given_last(result: Result) -> list[Attempt]:
    """The attempts with the one that is given at the end, where the graph looks for the last answer."""
    given = result.answer
    others = [attempt for attempt in result.attempts if attempt is not given]
    return [*others, replace(given)] if given is not None else others
