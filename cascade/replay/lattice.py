"""Which arms may follow which: the states that a task can be in after rejections, and the steps between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cascade.policy.steps import Step

Key = tuple[int, int]
"""Arms tried (as bits) and the arm tried last, or -1 where no arm asks which that was."""


@dataclass(slots=True)
class Lattice:
    """The states reachable from the start, in an order in which every step leads to a later one."""

    keys: list[Key] = field(default_factory=list)
    place: dict[Key, int] = field(default_factory=dict)
    steps: list[list[tuple[int, int]]] = field(default_factory=list)
    """For each state: (arm, state after it was rejected)."""
    below: dict[int, list[int]] = field(default_factory=dict)

    def descendants(self, state: int) -> list[int]:
        """All states reachable from a state, itself first, each before those that follow it."""
        if state not in self.below:
            seen = {state}
            waiting = [state]
            while waiting:
                for _, later in self.steps[waiting.pop()]:
                    if later not in seen:
                        seen.add(later)
                        waiting.append(later)
            self.below[state] = sorted(seen)
        return self.below[state]

    def after(self, state: int, arm: int) -> int:
        """The state after an arm was tried and rejected."""
        return next(later for taken, later in self.steps[state] if taken == arm)


@lru_cache(maxsize=8)
def lattice(arms: tuple[Step, ...], max_attempts: int) -> Lattice:
    """Every state of at most `max_attempts` attempts, breadth first."""
    asks = any(arm.after is not None for arm in arms)
    found = Lattice()
    level: list[Key] = [(0, -1)]
    found.place[level[0]] = 0
    found.keys.append(level[0])
    found.steps.append([])
    for depth in range(max_attempts + 1):
        following: list[Key] = []
        for key in level:
            if depth == max_attempts:
                continue
            for arm in _possible(arms, key):
                later = (key[0] | 1 << arm, arm if asks else -1)
                if later not in found.place:
                    found.place[later] = len(found.keys)
                    found.keys.append(later)
                    found.steps.append([])
                    following.append(later)
                found.steps[found.place[key]].append((arm, found.place[later]))
        level = following
    return found


def _possible(arms: Sequence[Step], key: Key) -> list[int]:
    """The arms that may be tried next: each tier's attempts in turn, what is shown being what came last."""
    tried, last = key
    made: dict[str, int] = {}
    for k, arm in enumerate(arms):
        if tried >> k & 1:
            made[arm.tier] = made.get(arm.tier, 0) + 1
    before = arms[last].tier if last >= 0 else None
    return [
        k
        for k, arm in enumerate(arms)
        if not tried >> k & 1
        and arm.attempt == made.get(arm.tier, 0) + 1
        and (arm.after is None or arm.after == before)
    ]
