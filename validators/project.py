"""How a workspace is built on and tested, as the validators are given it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The settings of the config's section `project` that concern the checks."""

    python: str | None = None
    """The interpreter of the project's own environment, relative to the workspace or absolute; None means ours."""
    baseline: bool = True
    """Whether what failed or was found on the untouched workspace is left out of a verdict."""
    answer_tests: Literal["fail", "warn", "ignore"] = "warn"
    """What a failing test that the answer itself wrote does to the verdict."""
