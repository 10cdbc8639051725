"""Early stop of a generation: whether a task asks for it, and what a cut answer's finding is."""

from __future__ import annotations

from dataclasses import replace

from cascade.extraction import expects_code
from cascade.models.early import EarlyStop, StopRules
from cascade.types import Attempt, Report, Task

CUT = "cut"


def watcher(task: Task, rules: StopRules | None) -> EarlyStop | None:
    """What watches an answer to the task; None where nothing may be cut.

    A complete first block ends the answer only where the task names one target; otherwise more may follow.
    """
    if rules is None or task.tools or not expects_code(task):
        return None
    single = task.target is not None and len(task.files) <= 1
    return EarlyStop(rules if single else replace(rules, complete=False), path=task.target)


def finding(task: Task, attempt: Attempt, rules: StopRules | None) -> Report | None:
    """Why a cut answer can no longer pass, as a failed report; None where it was complete, or not cut."""
    watching = watcher(task, rules) if attempt.finish_reason == CUT else None
    if watching is None or not watching(attempt.output) or watching.finding is None:
        return None
    return Report(name="early_stop", status="failed", diagnostics=(watching.finding,))
