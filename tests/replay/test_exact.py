"""Sums are exact and merge in any order; draws by ids do not depend on the cut."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.replay.draws import keys_of, lowest, uniform
from cascade.replay.engine import play
from cascade.replay.exact import Totals, exact_sum, rounded
from cascade.replay.intervals import Moments
from cascade.replay.parts import Sample, merged
from cascade.replay.plans import FixedPlan
from cascade.replay.prepare import Gaps
from cascade.replay.sums import Sums
from cascade.tuning.choosing import Score
from cascade.tuning.goal import Paired
from tests.replay.worlds import TIERS, world

numbers = st.lists(st.floats(-1e75, 1e75), max_size=30).map(lambda values: np.array(values, dtype=float))


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=40))
def test_a_sum_is_the_nearest_double_to_the_true_one(values: list[float]) -> None:
    try:
        wanted = math.fsum(values)
    except OverflowError:
        return
    assert rounded(exact_sum(np.array(values))) == wanted


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_what_is_not_known_has_no_sum(odd: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        exact_sum(np.array([1.0, odd]))


@given(a=numbers, b=numbers, c=numbers)
def test_totals_add_in_any_order_and_nothing_is_their_identity(
    a: np.ndarray, b: np.ndarray, c: np.ndarray
) -> None:
    one, two, three = Totals.of(a), Totals.of(b), Totals.of(c)
    assert (one + two) + three == one + (two + three) == three + one + two
    assert one + Totals() == Totals() + one == one
    assert one + two + three == Totals.of(np.concatenate([a, b, c]))


@given(values=st.lists(st.floats(0, 1e6), min_size=1, max_size=40), cut=st.integers(0, 40))
def test_moments_of_parts_are_those_of_the_whole_to_the_last_bit(values: list[float], cut: int) -> None:
    data = np.array(values)
    assert (Totals.of(data[:cut]) + Totals.of(data[cut:])).moments == Moments.of(data)


@given(wins=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=20), cut=st.integers(0, 20))
def test_pairs_merge_and_nothing_is_their_identity(wins: list[tuple[float, float]], cut: int) -> None:
    data = np.array(wins).reshape(-1, 2)
    parts = Paired.of(*data[:cut].T) + Paired.of(*data[cut:].T)
    assert parts == Paired.of(*data.T)
    assert parts + Paired() == Paired() + parts == parts
    assert Score(paired=parts) + Score() == Score(paired=parts)


def test_sums_of_parts_are_those_of_the_whole() -> None:
    table, plan = world(1, 90), FixedPlan(tuple(world(1, 1).arms))
    cuts = [Sums.of(play(table.part(slice(*cut)), plan)) for cut in ((0, 20), (20, 70), (70, 90))]
    whole = Sums.of(play(table, plan))
    for parts in (cuts[0] + cuts[1] + cuts[2], Sums() + cuts[2] + (cuts[0] + cuts[1])):
        assert parts.success == whole.success
        assert parts.cost == whole.cost
        for name in ("asked", "spent", "wasted"):
            assert getattr(parts, name) == pytest.approx(getattr(whole, name), rel=1e-12)


def test_gaps_of_parts_are_those_of_the_whole() -> None:
    table = world(2, 60, rates=True)
    table.outcome[:9, 1] = np.nan
    parts = [Gaps.of(table.part(slice(*cut))) for cut in ((0, 10), (10, 10), (10, 60))]
    assert parts[0] + parts[1] + parts[2] == Gaps.of(table) == parts[2] + parts[0] + parts[1]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 120), n=st.integers(1, 100))
def test_the_lowest_of_parts_are_the_lowest_of_all(seed: int, count: int, n: int) -> None:
    g = np.random.default_rng(seed)
    table = world(3, n)
    sample = Sample(count)
    for part in np.array_split(g.permutation(n), int(g.integers(1, 6))):
        sample.add(lowest(table.rows(part), count))
    drawn = sample.drawn()
    assert list(drawn.tasks) == list(lowest(table, count).tasks)
    assert len(drawn) == min(count, n)
    assert np.array_equal(drawn.outcome, lowest(table, count).outcome)


def test_draws_are_even_and_differ_by_seed() -> None:
    keys = keys_of([f"task-{k}" for k in range(20_000)])
    one, other = uniform(keys, 0), uniform(keys, 1)
    assert np.histogram(one, bins=10, range=(0, 1))[0] == pytest.approx(np.full(10, 2000), abs=200)
    assert abs(float(np.corrcoef(one, other)[0, 1])) < 0.03
    assert (one >= 0).all()
    assert (one < 1).all()


def test_the_lowest_lie_evenly_among_the_shares_of_the_same_seed() -> None:
    drawn = lowest(world(5, 4000), 1000)
    assert np.histogram(uniform(keys_of(drawn.tasks), 0), bins=4, range=(0, 1))[0] == pytest.approx(
        np.full(4, 250), abs=60
    )


def test_tables_merge_in_their_order() -> None:
    table = world(4, 10)
    again = merged([table.rows(slice(0, 3)), table.rows(slice(3, 3)), table.rows(slice(3, 10))])
    assert list(again.tasks) == list(table.tasks)
    assert np.array_equal(again.cost, table.cost)
    assert [arm.tier for arm in again.arms] == list(TIERS)
