"""P(right) of every arm by class: logistic in the task's difficulty z, and in its kind where failures tell two apart.

    logit P(arm is right | task i, class) = level + slope z + tilt side + offset_i

The offsets are what a classifier told of the task before any attempt (`cascade.tuning.told`), 0 without one.
"""

from __future__ import annotations

import numpy as np

from cascade.replay.table import Floats, OutcomeTable
from cascade.tuning.told import Told

_SIDE_PULL = 0.5


class Curves:
    """The arms' curves over K classes. line, side: z and kind by class, (K,). ridge: the pull of the slopes to
    their mean. level, slope, tilt: (A,), fitted by `maximise`.
    """

    def __init__(self, table: OutcomeTable, line: Floats, side: Floats, *, ridge: float) -> None:
        self.line, self.side, self.ridge = line, side, ridge
        known = np.isfinite(table.outcome)
        self.known = known.astype(np.float64)
        self.right = np.where(known, table.outcome, 0.0)
        self.wrong = np.where(known, 1 - table.outcome, 0.0)
        rate = (self.right.sum(axis=0) + 0.5) / (self.known.sum(axis=0) + 1.0)
        self.level = 1.3 * np.log(rate / (1 - rate))
        self.slope = np.full(len(table.arms), 1.5)
        self.tilt = np.zeros(len(table.arms))
        self.told = Told.of(table)

    def p(self) -> Floats:
        """P(right) by arm and class of a task of which nothing was told, (A, K)."""
        return sigmoid(self._logits())

    def of_tasks(self) -> Floats:
        """P(right) by task, arm and class, (n, A, K)."""
        if self.told is None:
            return np.broadcast_to(self.p(), (len(self.right), *self._logits().shape))
        return sigmoid(self._logits() + self.told.offsets[:, :, None])

    def log_likelihoods(self) -> Floats:
        """Of each task's outcomes, and of what was told of it, by class, (n, K)."""
        if self.told is None:
            p = self.p()
            return np.asarray(self.right @ np.log(p) + self.wrong @ np.log1p(-p))
        self.told.meet(self._logits(), self.line)
        p = self.of_tasks()
        logs = self.right[:, :, None] * np.log(p) + self.wrong[:, :, None] * np.log1p(-p)
        return np.asarray(logs.sum(axis=1) + self.told.log_likelihoods(self.line))

    def maximise(self, shares: Floats) -> None:
        """Three Newton steps of every arm's weighted logistic regression. shares: each task's classes, (n, K).

        Half a right and half a wrong attempt at the middle keep an arm that is always or never right finite.
        """
        if self.told is not None:
            self.told.regress(shares, self.line)
        design = np.stack([np.ones_like(self.line), self.line, self.side], axis=1)
        middle = self.slope.mean()
        for _ in range(3):
            centre = sigmoid(self.level)
            pulls = np.stack(
                [0.5 - centre, -self.ridge * (self.slope - middle), -_SIDE_PULL * self.tilt], axis=1
            )
            missed, spread = self._missed(shares)
            up = missed @ design + pulls
            bend = np.einsum("ak,ki,kj->aij", spread, design, design)
            bend[:, [0, 1, 2], [0, 1, 2]] += 1e-9
            bend[:, 0, 0] += centre * (1 - centre)
            bend[:, 1, 1] += self.ridge
            bend[:, 2, 2] += _SIDE_PULL
            step = np.clip(np.linalg.solve(bend, up[:, :, None])[:, :, 0], -2, 2)
            self.level = self.level + step[:, 0]
            self.slope = np.clip(self.slope + step[:, 1], -0.5, 8.0)
            self.tilt = np.clip(self.tilt + step[:, 2], -4.0, 4.0)

    def _missed(self, shares: Floats) -> tuple[Floats, Floats]:
        """By arm and class, (A, K): outcomes less what the curves say of them, and the variance of that."""
        if self.told is None:
            p, tried = self.p(), self.known.T @ shares
            return self.right.T @ shares - tried * p, tried * p * (1 - p)
        p = self.of_tasks()
        held = self.known[:, :, None] * shares[:, None, :]
        missed = self.right[:, :, None] * shares[:, None, :] - held * p
        return missed.sum(axis=0), (held * p * (1 - p)).sum(axis=0)

    def _logits(self) -> Floats:
        return np.asarray(
            self.level[:, None] + self.slope[:, None] * self.line + self.tilt[:, None] * self.side
        )


def sigmoid(x: Floats) -> Floats:
    """Kept a millionth away from 0 and 1."""
    return np.asarray(np.clip(1 / (1 + np.exp(-np.clip(x, -30, 30))), 1e-6, 1 - 1e-6))
