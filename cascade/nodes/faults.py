"""A node that failed in a way nobody foresaw: a plug-in's fault, or ours, becomes the task's error."""

from __future__ import annotations

import traceback
from pathlib import Path

from cascade.errors import CascadeError, NodeError

CODE = "graph.fault"


def as_task_error(node: str, error: Exception) -> CascadeError:
    """The error that ends the task, and it alone: what was raised, by which node, and where in whose code.

    A CascadeError that stands in a group is that error. Raises nothing.
    """
    cause = _first(error)
    if isinstance(cause, CascadeError):
        return cause
    said = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    fault = NodeError(
        f"graph.nodes.{node}: {said:.2000}{_place(cause)}",
        hint="a plug-in or function that the config names failed, or cascade itself: see the place named above",
        code=CODE,
    )
    fault.__cause__ = cause
    return fault


def _first(error: BaseException) -> BaseException:
    """What was raised; of a group of exceptions the first CascadeError, else the first."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [_first(inside) for inside in error.exceptions]
    return next((leaf for leaf in leaves if isinstance(leaf, CascadeError)), leaves[0])


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    last = frames[-1]
    return f" ({Path(last.filename).name}:{last.lineno}, in {last.name})"
