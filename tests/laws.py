"""Large, random and statistical tests: `make test` does the first cases of each, `make laws` all others.

A law says what holds on average over many logs: intervals cover, promises are kept, units and names do not matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

laws = pytest.mark.laws


def first(values: Iterable[Any], *, keep: int = 1) -> list[Any]:
    """Values for `parametrize`, tuples for several names: the first few in every run, the others in `make laws`."""
    held = list(values)
    return [*held[:keep], *(_only_in_laws(value) for value in held[keep:])]


def _only_in_laws(value: Any) -> Any:
    values = value if isinstance(value, tuple) else (value,)
    return pytest.param(*values, marks=laws)
