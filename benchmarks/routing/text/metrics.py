"""The figures of merit of a router between a cheap and a strong model (RouteLLM, arXiv 2406.18665, 3.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHARES = np.linspace(0.0, 1.0, 11)


def recovered(score: Floats, cheap: Floats, strong: Floats) -> Floats:
    """PGR at strong shares of 0, 10, .. 100%, tasks of the highest score sent to the strong model first.

    PGR = (quality - cheap alone) / (strong alone - cheap alone); all arrays have shape `(n_tasks,)`.
    """
    order = np.argsort(-score, kind="stable")
    gained = np.concatenate([[0.0], np.cumsum((strong - cheap)[order])])
    counts = np.round(SHARES * len(cheap)).astype(int)
    return np.asarray(gained[counts] / gained[-1])


def apgr(score: Floats, cheap: Floats, strong: Floats) -> float:
    """Area under PGR over the strong share, by trapezoids; a random order has 0.5."""
    pgr = recovered(score, cheap, strong)
    return float(((pgr[1:] + pgr[:-1]) / 2).sum() * 0.1)


def cpt(score: Floats, cheap: Floats, strong: Floats, *, at: float) -> float:
    """The least share of strong calls, in percent, at which PGR reaches `at`, linear between the shares."""
    pgr = recovered(score, cheap, strong)
    k = int(np.argmax(pgr >= at))
    if k == 0:
        return 0.0 if pgr[0] >= at else float("nan")
    return float(SHARES[k - 1] + 0.1 * (at - pgr[k - 1]) / (pgr[k] - pgr[k - 1])) * 100.0
