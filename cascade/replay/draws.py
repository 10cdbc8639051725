"""Draws of tasks by their ids: the same tasks however a log is cut, in whatever order, on whatever machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cascade.replay.table import Floats, OutcomeTable

Keys: TypeAlias = npt.NDArray[np.uint64]

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_APART = np.uint64(0xD1B54A32D192ED03)
"""Keeps the draws of `lowest` independent of those of `uniform` under the same seed."""


def keys_of(tasks: Sequence[str]) -> Keys:
    """A key for each task, spread evenly over 64 bits."""
    digests = (hashlib.blake2b(task.encode(), digest_size=8).digest() for task in tasks)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def mixed(keys: Keys, seed: int) -> Keys:
    """Other keys for every seed (splitmix64: Steele, Lea and Flood, OOPSLA 2014)."""
    z = keys + np.uint64((seed + 1) * _GOLDEN & _MASK)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def uniform(keys: Keys, seed: int) -> Floats:
    """A number in [0, 1) for each task."""
    return np.asarray((mixed(keys, seed) >> np.uint64(11)) * 2.0**-53)


def lowest(table: OutcomeTable, count: int, *, seed: int = 0, keys: Keys | None = None) -> OutcomeTable:
    """The `count` tasks with the lowest keys (all of them in a smaller table), in the order of their keys.

    The lowest of two parts' lowest are the lowest of both (bottom-k sampling: Cohen and Kaplan, PODC 2007).
    """
    drawn = mixed((keys_of(table.tasks) if keys is None else keys) ^ _APART, seed)
    if len(drawn) > count:
        near = np.argpartition(drawn, count)[:count]
        return table.rows(near[np.argsort(drawn[near], kind="stable")])
    return table.rows(np.argsort(drawn, kind="stable"))
