"""What a classifier told of each task before any attempt: evidence of its difficulty, and offsets of the curves.

The mean over tiers of the logits of its probabilities, x, is what it says of the difficulty: x = level + slope z,
normal around it, like any other figure. What is left, that one tier is likelier than difficulty explains, shifts
the curves of that tier's arms:

    logit P(arm is right | task i, class) = curve(class) + shift_i

so that its first attempt passes with the classifier's probability on average over the classes, given x. As
`cascade.policy.latent.LatentEstimates` does when a task is decided.
"""

from __future__ import annotations

import numpy as np

from cascade.policy.latent import TOLD_OFFSET, Trace
from cascade.replay.table import Floats, OutcomeTable
from cascade.replay.task_beliefs import shift_to, told_odds

_PULL = 3.0


class Told:
    """offsets: by task and arm, (n, A); 0 where the classifier says nothing of a tier or a task.

    logs: (n,), log odds over the tiers, NaN where nothing is told. level, slope, sd: of their line in z.
    """

    def __init__(self, table: OutcomeTable) -> None:
        self.chances = {
            tier: table.probabilities[tier] for tier in table.tiers if tier in table.probabilities
        }
        self.first = {tier: table.first(tier) for tier in self.chances}
        self.arms = {
            tier: [k for k, arm in enumerate(table.arms) if arm.tier == tier] for tier in self.chances
        }
        self.offsets = np.zeros((len(table), len(table.arms)))
        self.logs = np.log(told_odds(self.chances, len(table)) + TOLD_OFFSET)
        self.level, self.slope, self.sd = (
            float(np.nanmean(self.logs)),
            0.0,
            float(np.nanstd(self.logs)) + 1e-3,
        )

    @classmethod
    def of(cls, table: OutcomeTable) -> Told | None:
        """None where no task is told anything of the table's tiers."""
        chances = [p for tier, p in table.probabilities.items() if tier in table.tiers]
        return cls(table) if any(np.isfinite(p).any() for p in chances) else None

    def log_likelihoods(self, line: Floats) -> Floats:
        """Of what was told, by class, (n, K)."""
        away = ((self.logs - self.level)[:, None] - self.slope * line) / self.sd
        return np.where(np.isfinite(away), -0.5 * away**2, 0.0)

    def regress(self, shares: Floats, line: Floats) -> None:
        """Least squares of the log odds on z, z known by its shares, (n, K), only."""
        seen = np.isfinite(self.logs)
        shares, logs = shares[seen], self.logs[seen]
        z = shares @ line
        middle, mean = float(z.mean()), float(logs.mean())
        spread = float((shares @ line**2).sum()) - len(z) * middle**2
        self.slope = float((logs - mean) @ z) / (spread + _PULL)
        self.level = mean - self.slope * middle
        left = (shares * (logs[:, None] - self.level - self.slope * line) ** 2).sum() / len(z)
        self.sd = float(np.sqrt(left + 1e-3))

    def meet(self, logits: Floats, line: Floats) -> None:
        """Set the offsets by the curves' logits by arm and class, (A, K)."""
        weights = np.exp(self.log_likelihoods(line))
        weights /= weights.sum(axis=1, keepdims=True)
        for tier, chances in self.chances.items():
            self.offsets[:, self.arms[tier]] = shift_to(logits[self.first[tier]], weights, chances)[:, None]

    def trace(self, line: Floats) -> Trace:
        """What was learnt of it."""
        return Trace(tuple((self.level + self.slope * line).tolist()), self.sd, 1.0, TOLD_OFFSET)
