"""A budget is never exceeded, however many ask at once, and what is not used comes back."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.budget import Budget
from cascade.errors import BudgetExhaustedError

D = Decimal


def test_a_reservation_counts_until_it_is_settled() -> None:
    budget = Budget(D(1))
    reservation = budget.reserve(D("0.6"))
    assert budget.left() == D("0.4")
    reservation.settle(D("0.1"))
    assert (budget.spent, budget.reserved, budget.left()) == (D("0.1"), D(0), D("0.9"))


def test_what_does_not_fit_is_refused_with_the_figures() -> None:
    budget = Budget(D(1))
    budget.reserve(D("0.6"))
    with pytest.raises(
        BudgetExhaustedError, match=r"run budget of 1 USD has 0.4 USD left.*0.5 USD"
    ) as caught:
        budget.reserve(D("0.5"))
    assert caught.value.code == "budget.run"
    assert budget.left() == D("0.4")


def test_an_unknown_actual_cost_keeps_all_that_was_reserved() -> None:
    budget = Budget(D(1))
    budget.reserve(D("0.6")).settle(None)
    assert budget.spent == D("0.6")


def test_leaving_the_block_gives_back_what_was_not_settled() -> None:
    budget = Budget(D(1))
    with budget.reserve(D("0.6")):
        pass
    assert (budget.spent, budget.reserved) == (D(0), D(0))


def test_settling_twice_counts_once() -> None:
    budget = Budget(D(1))
    reservation = budget.reserve(D("0.6"))
    reservation.settle(D("0.2"))
    reservation.settle(D("0.2"))
    assert budget.spent == D("0.2")


def test_a_task_is_held_by_its_own_limit_and_by_the_runs() -> None:
    run = Budget(D(1))
    first, second = run.child(D("0.7")), run.child(D("0.7"))
    first.reserve(D("0.7")).settle(D("0.7"))
    with pytest.raises(BudgetExhaustedError) as caught:
        second.reserve(D("0.4"))
    assert caught.value.code == "budget.run"
    assert (second.spent, second.reserved, run.left(), second.left()) == (D(0), D(0), D("0.3"), D("0.3"))
    with pytest.raises(BudgetExhaustedError) as caught:
        run.child(D("0.1")).reserve(D("0.2"))
    assert caught.value.code == "budget.task"
    assert run.reserved == 0


def test_a_retry_extends_its_reservation_or_changes_nothing() -> None:
    budget = Budget(D(1))
    reservation = budget.reserve(D("0.4"))
    reservation.extend(D("0.4"))
    assert budget.reserved == D("0.8")
    with pytest.raises(BudgetExhaustedError):
        reservation.extend(D("0.4"))
    reservation.settle(D("0.5"))
    assert (budget.spent, budget.reserved) == (D("0.5"), D(0))


def test_a_resumed_run_starts_with_what_was_spent() -> None:
    assert Budget(D(1), spent=D("0.75")).left() == D("0.25")


def test_without_a_limit_it_only_counts() -> None:
    budget = Budget()
    budget.reserve(D(1000)).settle(D(3))
    assert (budget.left(), budget.spent) == (None, D(3))


@given(
    limit=st.decimals(0, 10, places=3),
    calls=st.lists(st.tuples(st.decimals(0, 3, places=3), st.floats(0, 1)), max_size=30),
)
def test_spent_and_reserved_never_pass_the_limit(limit: Decimal, calls: list[tuple[Decimal, float]]) -> None:
    budget = Budget(limit)
    for worst, share in calls:
        try:
            reservation = budget.reserve(worst)
        except BudgetExhaustedError:
            continue
        assert budget.spent + budget.reserved <= limit
        reservation.settle(worst * D(str(round(share, 3))))
    assert budget.spent <= limit
    assert budget.reserved == 0


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_it_holds_with_many_tasks_at_once(seed: int) -> None:
    chance = random.Random(seed)
    run = Budget(D(1))

    async def task() -> None:
        purse = run.child(D("0.05"))
        for _ in range(3):
            try:
                reservation = purse.reserve(D("0.02"))
            except BudgetExhaustedError:
                return
            await asyncio.sleep(0)
            reservation.settle(D(chance.randint(0, 20)) / 1000)

    async def all_tasks() -> None:
        await asyncio.gather(*(task() for _ in range(200)))

    asyncio.run(all_tasks())
    assert run.spent <= 1
    assert run.reserved == 0


async def test_who_waits_gets_what_others_give_back_and_nearly_all_is_used() -> None:
    run = Budget(D(1))
    ended = []

    async def task() -> None:
        try:
            reservation = await run.child(None).acquire(D("0.3"))
        except BudgetExhaustedError:
            ended.append("exhausted")
            return
        assert run.spent + run.reserved <= 1
        await asyncio.sleep(0)
        reservation.settle(D("0.01"))
        ended.append("done")

    await asyncio.gather(*(task() for _ in range(300)))
    assert run.reserved == 0
    assert D("0.7") < run.spent <= 1
    assert ended.count("exhausted") == 300 - ended.count("done")


async def test_what_can_never_fit_is_refused_without_waiting() -> None:
    run = Budget(D(1))
    run.reserve(D("0.5"))
    with pytest.raises(BudgetExhaustedError):
        await run.acquire(D("1.1"))


async def test_a_cancelled_waiter_holds_nothing() -> None:
    run = Budget(D(1))
    first = run.reserve(D(1))
    waiting = asyncio.create_task(run.acquire(D(1)))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    first.release()
    assert (run.reserved, run.left()) == (D(0), D(1))
