"""One limit for many processes, by day, whole after a crash."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from cascade.budget import Budget, BudgetFile, open_budget
from cascade.errors import BudgetExhaustedError, StorageError

D = Decimal


class Days:
    """A clock to be set."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_two_processes_share_the_limit(tmp_path: Path) -> None:
    first, second = (BudgetFile(tmp_path / "budget", D(1)) for _ in range(2))
    Budget(above=(first,)).reserve(D("0.7"))
    with pytest.raises(BudgetExhaustedError, match=r"day budget of 1 USD has 0\.3 USD left") as caught:
        Budget(above=(second,)).reserve(D("0.4"))
    assert caught.value.code == "budget.day"
    assert second.left() == D("0.3")


def test_settling_books_the_actual_cost(tmp_path: Path) -> None:
    day = BudgetFile(tmp_path / "budget", D(1))
    Budget(above=(day,)).reserve(D("0.7")).settle(D("0.2"))
    assert (day.spent(), day.left()) == (D("0.2"), D("0.8"))


def test_a_new_day_begins_at_zero_and_a_call_over_midnight_counts_where_it_was_reserved(
    tmp_path: Path,
) -> None:
    days = Days()
    day = BudgetFile(tmp_path / "budget", D(1), now=days)
    reservation = Budget(above=(day,)).reserve(D("0.9"))
    days.now += timedelta(days=1)
    assert day.left() == 1
    reservation.settle(D("0.5"))
    assert day.left() == 1
    days.now -= timedelta(days=1)
    assert day.left() == D("0.5")


def test_the_day_is_of_the_zone_that_was_named(tmp_path: Path) -> None:
    days = Days()
    beijing = BudgetFile(tmp_path / "budget", D(1), now=days, zone=timezone(timedelta(hours=8)))
    days.now = datetime(2026, 11, 23, 15, 59, tzinfo=UTC)
    Budget(above=(beijing,)).reserve(D(1)).settle(D(1))
    assert beijing.left() == 0
    days.now = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    assert beijing.left() == 1


def test_a_total_has_no_days(tmp_path: Path) -> None:
    days = Days()
    total = BudgetFile(tmp_path / "budget", D(1), period="total", now=days)
    Budget(above=(total,)).reserve(D(1)).settle(D(1))
    days.now += timedelta(days=400)
    assert total.left() == 0


def test_what_a_killed_process_had_reserved_stays_reserved_and_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "budget"
    killed = (
        "import os, signal; from decimal import Decimal; from cascade.budget import Budget, BudgetFile;"
        f"Budget(above=(BudgetFile({str(path)!r}, Decimal(1)),)).reserve(Decimal('0.6'));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -9
    day = BudgetFile(path, D(1))
    assert day.left() == D("0.4")
    assert [orphan.reserved_usd for orphan in day.orphans()] == [D("0.6")]


def test_it_holds_between_processes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "budget"
    worker = (
        "from decimal import Decimal; from cascade.budget import Budget, BudgetFile\n"
        "from cascade.errors import BudgetExhaustedError\n"
        f"budget, got = Budget(above=(BudgetFile({str(path)!r}, Decimal(1)),)), 0\n"
        "for _ in range(60):\n"
        "    try: budget.reserve(Decimal('0.013')).settle(Decimal('0.011')); got += 1\n"
        "    except BudgetExhaustedError: pass\n"
        "print(got)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", worker], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    granted = sum(int(process.communicate()[0]) for process in started)
    spent = BudgetFile(path, D(1)).spent()
    assert spent == granted * D("0.011")
    assert D(1) - D("0.013") < spent <= 1


def test_a_file_that_is_no_budget_stops_the_run_before_a_call(tmp_path: Path) -> None:
    path = tmp_path / "budget"
    path.write_text("this is not a database, whatever else it may be " * 20)
    with pytest.raises(StorageError) as caught:
        BudgetFile(path, D(1))
    assert caught.value.code == "storage.budget"


def test_declared_limits_become_one_budget(tmp_path: Path) -> None:
    alone = open_budget(D(2), per_day=D(1))
    assert alone.left() == 1
    shared = open_budget(D(2), per_day=D(1), file=tmp_path / "budget")
    shared.reserve(D("0.9")).settle(D("0.9"))
    again = open_budget(D(2), per_day=D(1), file=tmp_path / "budget")
    assert again.left() == D("0.1")
    assert open_budget().left() is None


async def test_money_that_a_dead_process_holds_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "budget"
    killed = (
        "import os, signal; from decimal import Decimal; from cascade.budget import Budget, BudgetFile;"
        f"Budget(above=(BudgetFile({str(path)!r}, Decimal(1)),)).reserve(Decimal('0.6'));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", killed], check=False)
    budget = Budget(above=(BudgetFile(path, D(1)),))
    with pytest.raises(BudgetExhaustedError):
        await budget.acquire(D("0.5"))
    waiting = budget.reserve(D("0.3"))
    with pytest.raises(BudgetExhaustedError):
        await budget.acquire(D("0.3"), patience_s=0.3)
    waiting.release()
    (await budget.acquire(D("0.3"))).release()
