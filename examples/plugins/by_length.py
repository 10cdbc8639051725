"""A classifier: long prompts are hard. `classifier: {use: by_length, easy_chars: 400}`

Any object with `name`, `version` and `probabilities` is one; the entry point names what makes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from cascade import Task


class ByLength:
    """P(pass) falls with the length of the prompt, and rises from tier to tier."""

    name = "by_length"
    version = "1"

    def __init__(self, *, easy_chars: int = 400) -> None:
        self._easy_chars = easy_chars

    def probabilities(self, task: Task, tiers: Sequence[str]) -> Mapping[str, float]:
        """One probability a tier, cheapest first."""
        hardness = len(task.prompt) / self._easy_chars
        return {tier: 1 / (1 + math.exp(2 * hardness - 2 - 2 * place)) for place, tier in enumerate(tiers)}
