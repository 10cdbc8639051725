"""A call's cost is expected from what the log told of a tier's answers, then from what it writes in the run."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from cascade.forecast import Forecast, TierCost
from cascade.policy.artifact import dump_estimates, load_estimates
from cascade.prices import PriceOverride
from cascade.tuning.estimates import FitSettings, fit_estimates
from cascade.types import Usage
from tests.replay.worlds import world

PRICE = PriceOverride(input=Decimal(0), output=Decimal(1)).price("2026-11-26")


def forecast(typical: dict[str, float]) -> Forecast:
    return Forecast({"cheap": TierCost(price=lambda: PRICE, max_output_tokens=10_000)}, typical)


def test_the_first_call_is_expected_to_cost_what_the_log_told() -> None:
    told, untold = forecast({"cheap": 50.0}), forecast({})
    assert told.expected("cheap", []) == pytest.approx(50e-6)
    assert untold.expected("cheap", []) == pytest.approx(400e-6)


def test_what_the_run_sees_outweighs_what_the_log_told() -> None:
    seen = forecast({"cheap": 50.0})
    for _ in range(100):
        seen.observe("cheap", Usage(output=1000))
    assert seen.expected("cheap", []) == pytest.approx(1000e-6, rel=0.06)


def test_estimates_keep_the_mean_length_of_first_answers(tmp_path: Path) -> None:
    table = world(1, 100)
    tokens = np.full(table.cost.shape, 120.0)
    tokens[:, 1], tokens[:50, 2] = np.nan, 300.0
    estimates = fit_estimates(replace(table, figures={"output_tokens": tokens}), FitSettings(rounds=3))
    path = tmp_path / "e.json"
    path.write_text(dump_estimates(estimates))
    assert load_estimates(path).output_tokens == pytest.approx({"cheap": 120.0, "strong": 210.0})
