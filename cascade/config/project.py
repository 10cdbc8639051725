"""The section `project`: how the tasks' workspaces are built on and tested, and what of them a model is shown."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from cascade.config.base import LISTED, Count, Section, Text
from cascade.globs import HINT, PATTERN, problem_of

AnswerTests: TypeAlias = Literal["fail", "warn", "ignore"]


def _glob(value: str) -> str:
    problem = problem_of(value)
    if problem is not None:
        raise PydanticCustomError("glob", "{problem}", {"problem": problem, "hint": HINT})
    return value


Glob: TypeAlias = Annotated[
    str, AfterValidator(_glob), WithJsonSchema({"type": "string", "pattern": PATTERN})
]


class ProjectConfig(Section):
    """How the tasks' workspaces are built on and tested."""

    python: Text | None = None
    """The interpreter that runs pytest and mypy, relative to the workspace or absolute. Unset: ours."""
    context: Annotated[tuple[Glob, ...], LISTED] = ()
    """Globs of the workspace's files that every tier is shown, the same bytes for all tasks. `!` takes files away."""
    context_tokens: Annotated[Count, Field(ge=1)] = 200_000
    """Tokens that the shown files may take. What does not fit is listed by name instead."""
    baseline: bool = True
    """Check the untouched workspace first: what failed or was there before is not held against an answer."""
    answer_tests: AnswerTests = "warn"
    """What a failing test that the answer itself wrote does: fails it, is shown as a warning, or is not looked at."""
