"""Pictures: labels stay apart, nothing that has a figure is missing, and what cannot be drawn is said."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cascade.errors import StorageError, UsageError
from cascade.tuning.calibration_picture import Predicted, calibration_picture
from cascade.tuning.canvas import canvas
from cascade.tuning.labels import Label, place_labels
from cascade.tuning.pictures import cost_against_success, money

pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")


def policy(name: str, cost: float, success: float) -> dict[str, Any]:
    tier = name.removeprefix("always:")
    return {
        "name": name,
        "success": success,
        "success_ci": [max(success - 0.06, 0), min(success + 0.06, 1)],
        "cost_usd": cost,
        "cost_ci": [cost * 0.9, cost * 1.1],
        "spent_usd": {tier: cost},
        "wasted_usd": {tier: cost * (1 - success)},
    }


CLOSE = [Label(0.01 + 1e-4 * k, 0.7 + 2e-3 * k, f"some-model-{k}-instruct") for k in range(11)]
CLOSE = [*CLOSE, Label(0.0105, 0.72, "")]


def test_eleven_labels_of_close_points_cover_neither_each_other_nor_a_point(tmp_path: Path) -> None:
    with canvas(tmp_path / "p.png", size=(7.6, 5.0)) as axes:
        axes.plot([one.x for one in CLOSE], [one.y for one in CLOSE], "o")
        place_labels(axes, CLOSE, [([0.0095, 0.0115], [0.71, 0.71])])
        boxes = [text.get_window_extent() for text in axes.texts]
        marks = axes.transData.transform([(one.x, one.y) for one in CLOSE])
        frame = axes.bbox
    assert len(boxes) == 11
    for k, box in enumerate(boxes):
        assert not any(box.padded(-1).overlaps(other.padded(-1)) for other in boxes[k + 1 :])
        assert not any(box.contains(*mark) for mark in marks)
        assert box.x0 >= frame.x0 - 2
        assert box.x1 <= frame.x1 + 2


@pytest.mark.parametrize("cost", [0.0, 1e-6, 0.01, 1e6])
def test_any_scale_of_costs_is_drawn_with_every_tier_named(tmp_path: Path, cost: float) -> None:
    shown = [
        policy("config", cost, 0.7),
        *(policy(f"always:tier{k}", cost * k, 0.2 * k) for k in range(1, 4)),
    ]
    path = tmp_path / "p.svg"
    cost_against_success(shown, path, line=[(0.0, 0.0), (0.5, cost)])
    text = path.read_text()
    assert all(f"<!-- tier{k} -->" in text for k in range(1, 4))
    assert "<!-- this policy, 95% intervals -->" in text


def test_an_interval_without_an_upper_end_is_drawn_as_far_as_it_is_known(tmp_path: Path) -> None:
    one = policy("config", 0.1, 1.0) | {"cost_ci": [0.0, None]}
    cost_against_success([one], tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_where_each_dollar_went_shows_every_tier_that_was_paid(tmp_path: Path) -> None:
    shown = [policy(f"always:tier{k}", 0.1 * k, 0.5) for k in range(14)]
    money(shown, tmp_path / "p.svg")
    text = (tmp_path / "p.svg").read_text()
    assert "<!-- tier13 -->" in text
    assert "$1.3" in text


def test_a_calibration_curve_has_a_panel_a_tier_with_its_count(tmp_path: Path) -> None:
    g = np.random.default_rng(0)
    chances = g.random(200)
    tiers = [
        Predicted("flash", chances, (g.random(200) < chances).astype(float)),
        Predicted("pro", chances[:5], np.ones(5)),
    ]
    calibration_picture(tiers, tmp_path / "p.svg")
    text = (tmp_path / "p.svg").read_text()
    assert "<!-- flash: 200 tasks" in text
    assert "<!-- pro: 5 tasks" in text


def test_bins_hold_every_task_once_and_equal_chances_stay_together() -> None:
    one = Predicted("flash", np.repeat([0.3, 0.7], [90, 10]), np.ones(100))
    assert [len(chances) for chances, _ in one.bins()] == [90, 10]


def test_nothing_to_draw_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no curve"):
        calibration_picture([Predicted("flash", np.empty(0), np.empty(0))], tmp_path / "p.png")


@pytest.mark.parametrize("name", ["p.gif", "p", "p.pdf"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        money([policy("always:a", 1.0, 0.5)], tmp_path / name)


def test_a_place_that_cannot_be_written_is_an_outside_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write the picture"):
        money([policy("always:a", 1.0, 0.5)], tmp_path / "file" / "p.png")


def test_a_folder_on_the_way_is_made(tmp_path: Path) -> None:
    money([policy("always:a", 1.0, 0.5)], tmp_path / "new" / "p.png")
    assert (tmp_path / "new" / "p.png").stat().st_size > 1000


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match="matplotlib") as caught:
        money([policy("always:a", 1.0, 0.5)], tmp_path / "p.png")
    assert "cascade-router[plots]" in caught.value.hint


def test_estimates_that_know_of_no_spending_by_tier_are_no_empty_picture(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not known here"):
        money([{"name": "config", "success": 0.5}], tmp_path / "p.png")
