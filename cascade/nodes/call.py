"""call: someone's own function in the graph."""

from __future__ import annotations

import asyncio
import copy
import inspect
from typing import Any, cast

from pydantic import ValidationError

from cascade.background import call_in_daemon_thread
from cascade.codec import from_json, to_json
from cascade.config.graph import CallNode
from cascade.edits.originals import Originals
from cascade.errors import NodeError
from cascade.events import Emit
from cascade.nodes.check import with_patch
from cascade.nodes.services import Function, Services
from cascade.nodes.state import State, Update, merged, task_of
from cascade.nodes.step import Here, Outcome
from cascade.types import Attempt

# What a function may change. The rest is the books' and the trace's.
OPEN = frozenset({"task", "pending", "attempts", "decision"})


async def call(state: State, services: Services, _emit: Emit, here: Here) -> Outcome:
    """Call the function with a copy of the state. A plain function runs in a thread.

    Raises NodeError if it fails, takes too long, or returns what was not declared.
    """
    declared = here.of(CallNode)
    try:
        async with asyncio.timeout(declared.timeout_s):
            returned = await _called(services.functions[here.name], copy.deepcopy(dict(state)))
    except TimeoutError as error:
        raise _fault(here, f"took longer than {declared.timeout_s} s") from error
    except Exception as error:  # the boundary to someone's function, which may fail with anything
        raise _fault(here, f"failed with {type(error).__name__}: {error}") from error
    outcome, update = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, {})
    if outcome not in declared.results:
        raise _fault(here, f"returned {outcome!r:.80}, and declared are: {', '.join(declared.results)}")
    wrong = sorted(set(update) - OPEN) if isinstance(update, dict) else [type(update).__name__]
    if wrong:
        raise _fault(here, f"may change {', '.join(sorted(OPEN))}, and changed {', '.join(wrong)}")
    return Outcome(outcome, _with_patch(state, cast("Update", update)))


def _with_patch(state: State, update: Update) -> Update:
    """The update with the patch of the files that the function left in the pending answer."""
    pending = update.get("pending")
    if pending is None or pending == state.get("pending"):
        return update
    try:
        attempt = from_json(Attempt, pending)
    except ValidationError:
        return update  # the node that reads it says what is wrong with it
    originals = Originals.of(task_of(merged(state, update)))
    return {**update, "pending": to_json(with_patch(attempt, originals))}


async def _called(function: Function, state: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(state)
    returned = await call_in_daemon_thread(function, state)
    return await returned if inspect.isawaitable(returned) else returned


def _fault(here: Here, what: str) -> NodeError:
    function = here.of(CallNode).function
    return NodeError(f"graph.nodes.{here.name}: {function} {what}", hint=f"mend {function}")
