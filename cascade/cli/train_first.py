"""First attempts by task and tier: what `cascade train` learns from, wherever it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cascade.types import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingLog:
    """First attempts by task and tier.

    tasks: length n; their prompts may be empty where the log has no text. outcomes: `(n, n_tiers)`, NaN where
    a tier was not tried. models: model strings by tier, where the log names them. notes: what was assumed.
    verdicts: what the checks said, where that is not the outcome.
    """

    tasks: tuple[Task, ...]
    tiers: tuple[str, ...]
    outcomes: NDArray[np.float64]
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    verdicts: NDArray[np.float64] | None = None


def with_escalations(log: TrainingLog) -> TrainingLog:
    """A tier that was tried only where a cheaper one failed is known on the harder tasks only.

    What the cheaper tier passed is then taken to pass with `ASSUMED_PASS`, so that P is one of a first attempt
    on any task, and the note says so.
    """
    import numpy as np

    from cascade.tuning.assumed import ASSUMED_PASS, assumption

    outcomes, notes = log.outcomes.copy(), list(log.notes)
    verdicts = log.outcomes if log.verdicts is None else log.verdicts
    for t in range(1, len(log.tiers)):
        for cheaper in range(t):
            tried = ~np.isnan(log.outcomes[:, t])
            passed = verdicts[:, cheaper] == 1
            if not tried.any() or (tried & passed).any() or not passed.any():
                continue
            outcomes[passed & np.isnan(outcomes[:, t]), t] = ASSUMED_PASS
            notes.append(assumption(log.tiers[t], log.tiers[cheaper]))
            break
    return replace(log, outcomes=outcomes, notes=tuple(notes))
