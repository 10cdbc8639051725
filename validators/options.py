"""What the built-in validators share: strict options, and reports for runs that did not end by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from cascade.types import CheckStatus, Diagnostic, Report, Severity
from cascade.validators.sandbox import Completed, Limits, Room
from cascade.validators.workspace import Workspace

# What a finding's code means: the first pattern that matches decides; "ignore" drops it.
Weight: TypeAlias = Literal["error", "warning", "info", "ignore"]
Weights: TypeAlias = Mapping[str, Weight]


class Options(BaseModel):
    """Base of every validator's options: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def severity_of(code: str, weights: Weights, *, default: Weight) -> Severity | None:
    """The severity that the weights give to a code, None if it is to be ignored."""
    for pattern, weight in weights.items():
        if fnmatchcase(code, pattern):
            return None if weight == "ignore" else weight
    return None if default == "ignore" else default


def status_of(diagnostics: Iterable[Diagnostic]) -> CheckStatus:
    """failed if there is an error, else passed."""
    return "failed" if any(found.severity == "error" for found in diagnostics) else "passed"


def room(workspace: Workspace, limits: Limits, *, writable: bool = True) -> Room:
    """The workspace as a place to run in."""
    places = (workspace.root, workspace.scratch) if writable else (workspace.scratch,)
    readable = () if writable else (workspace.root,)
    return Room(
        cwd=workspace.root, writable=places, readable=readable, env=workspace.environment, limits=limits
    )


def unfinished(name: str, done: Completed) -> Report:
    """A report on a tool that did not end by itself: nothing is known of the candidate."""
    reasons = {
        "timeout": "it took too long",
        "memory": "it used too much memory",
        "disk": "it wrote too much",
        "processes": "it started too many processes",
        "signal": f"it was ended by signal {-(done.returncode or 0)}",
        "lost": done.detail,
    }
    return Report(name=name, status="unchecked", detail=reasons.get(done.ended, done.ended) or done.ended)


def said(done: Completed, limit: int = 300) -> str:
    """The last words of a tool, for a `detail`."""
    text = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
    return text[-limit:]
