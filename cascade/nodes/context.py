"""What a task is shown of its workspace: looked at when it begins, the same until it ends."""

from __future__ import annotations

from cascade.context import Context
from cascade.nodes.services import Services
from cascade.nodes.state import State, Update, task_of
from cascade.trace.content import content_of
from cascade.trace.events import ContextShown


async def open_context(state: State, services: Services) -> Update:
    """Look at the workspace as the task begins. Raises InputError if it cannot be shown as declared."""
    context = await services.contexts.of(task_of(state))
    return {"context": None if context is None else _written_down(context, services)}


async def reopen_context(state: State, services: Services) -> Update:
    """The task's context where it is in memory no more: a task of another process, or one of very many."""
    sha256 = state.get("context")
    if sha256 is None or services.contexts.kept(sha256) is not None:
        return {}
    return await open_context(state, services)


def context_of(state: State, services: Services) -> Context | None:
    """What the task is shown; None if nothing."""
    return services.contexts.kept(state.get("context"))


def _written_down(context: Context, services: Services) -> str:
    """The context's identity; its text is in a run's trace once."""
    if services.contexts.first_time(context):
        rule = services.content
        event = ContextShown(
            **services.run.fields(),
            sha256=context.sha256,
            text=content_of(context.text, rule),
            tokens=context.tokens,
            files=dict(context.files),
            left_out=context.left_out,
            left_out_files=context.left_out_files,
            unused=context.unused,
        )
        services.sink.emit(event)
    return context.sha256
