"""Simulated logs whose truth is known, and an estimator fitted on one."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from dataclasses import dataclass

import numpy as np
import pytest

from cascade.classifiers.hashing import TextSpec
from cascade.classifiers.training import Floats, TextView, TierPassEstimator
from cascade.types import Task

SMALL = TextView(TextSpec(words=(1, 2), buckets=256, clip=512))
EASY = ["sum", "the", "list", "and", "print"]
HARD = ["minimum", "spanning", "tree", "under", "modulo"]


@dataclass(frozen=True)
class Simulated:
    """Tasks, their true P(pass) and drawn outcomes, both `(n, 2)`."""

    tasks: list[Task]
    truth: Floats
    outcomes: Floats


def simulate(count: int, *, seed: int = 0) -> Simulated:
    """Tasks that are easy or hard by their words, and longer or shorter; two tiers, the second better."""
    rng = np.random.default_rng(seed)
    tasks, truth = [], []
    for k in range(count):
        hard = rng.random() < 0.5
        length = int(rng.integers(5, 60))
        words = rng.choice(HARD if hard else EASY, size=length)
        tasks.append(Task(id=f"t{k}", prompt=" ".join(words)))
        cheap = 0.85 - 0.5 * hard - 0.002 * length
        truth.append([cheap, cheap + (0.35 if hard else 0.05)])
    p = np.array(truth)
    return Simulated(tasks, p, (rng.random(p.shape) < p).astype(float))


@pytest.fixture(scope="package")
def log() -> Simulated:
    return simulate(500)


@pytest.fixture(scope="package")
def fitted(log: Simulated) -> TierPassEstimator:
    return TierPassEstimator(texts=(SMALL,)).fit(log.tasks, log.outcomes)
