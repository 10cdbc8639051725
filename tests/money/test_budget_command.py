"""A budget file is shown by period, and reset only where nobody is using it."""

from __future__ import annotations

import json
import os
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from cascade.budget import BudgetFile, open_budget, periods, reset
from cascade.cli.budget import budget
from cascade.errors import InputError, StorageError, UsageError

D = Decimal


def spent(path: Path, usd: str) -> None:
    purse = BudgetFile(path, D(100), period="total")
    purse.take(D(usd))
    purse.settle(D(usd), D(usd))
    purse.close()


def test_a_total_with_a_file_is_over_all_runs_until_it_is_reset(tmp_path: Path) -> None:
    path = tmp_path / "budget.db"
    spent(path, "0.9")
    left = open_budget(D(1), file=path).left()
    assert left == D("0.1")
    ran = CliRunner().invoke(budget, ["reset", str(path)])
    assert ran.exit_code == 0, ran.output
    assert "total: $0.900000 spent" in ran.output
    assert open_budget(D(1), file=path).left() == D(1)


def test_it_is_shown_by_period_and_as_json(tmp_path: Path) -> None:
    path = tmp_path / "budget.db"
    spent(path, "0.25")
    ran = CliRunner().invoke(budget, ["show", str(path), "--json"])
    (row,) = json.loads(ran.output)["periods"]
    assert row == {"period": "total", "spent_usd": "0.25", "reserved_usd": "0", "lost_usd": "0"}
    with pytest.raises(UsageError, match="no period '2026-01-01'"):
        reset(path, period="2026-01-01")


def test_it_is_not_reset_under_a_run_that_has_money_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "budget.db"
    purse = BudgetFile(path, D(1), period="total")
    purse.take(D("0.4"))
    with pytest.raises(UsageError, match=str(os.getpid())):
        reset(path)
    purse.settle(D("0.4"), D(0))
    reset(path)


def test_what_a_dead_process_held_counts_as_lost_and_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "budget.db"
    spent(path, "0.1")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE purse SET pid = 999999999, reserved = '0.3'")
    db.close()
    assert [each.lost_usd for each in periods(path)] == [D("0.3")]
    reset(path, period="total")
    assert periods(path) == []


def test_what_is_no_budget_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such budget file"):
        periods(tmp_path / "none.db")
    wrong = tmp_path / "wrong.db"
    wrong.write_text("not a database, but long enough to be looked at by the library")
    with pytest.raises(StorageError, match="cannot be read as a budget file"):
        periods(wrong)
