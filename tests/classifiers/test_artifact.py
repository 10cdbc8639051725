"""The artefact: the same after a round trip, and a bad one is refused with what is wrong and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.routing.text.default_artifact import train
from cascade.classifiers.artifact import ANSWER, Card, default, dump, load, parse, save
from cascade.classifiers.export import to_artifact
from cascade.classifiers.training import TierPassEstimator
from cascade.errors import InputError
from tests.classifiers.conftest import Simulated


@pytest.fixture(scope="module")
def text(log: Simulated, fitted: TierPassEstimator) -> str:
    card = Card(trained_on="a simulation", date="2026-11-24", n_tasks=len(log.tasks))
    return dump(to_artifact(fitted, log.outcomes, ["flash", "pro"], name="sim", card=card))


def test_a_round_trip_through_a_file_changes_nothing(text: str, tmp_path: Path) -> None:
    artifact = parse(text)
    save(artifact, tmp_path / "c.json")
    assert load(tmp_path / "c.json") == artifact
    assert dump(artifact) == text


def test_the_same_log_gives_the_same_version(text: str, log: Simulated, fitted: TierPassEstimator) -> None:
    card = Card(trained_on="a simulation", date="2026-11-24", n_tasks=len(log.tasks))
    again = to_artifact(fitted, log.outcomes, ["flash", "pro"], name="sim", card=card)
    assert again.version == parse(text).version
    other = to_artifact(fitted, log.outcomes, ["flash", "best"], name="sim", card=card)
    assert other.version != again.version


def changed(text: str, *path: str | int, to: Any) -> str:
    document = json.loads(text)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return json.dumps(document)


@pytest.mark.parametrize(
    ("path", "to", "what"),
    [
        (("schema",), 2, "schema 2, this version reads schema 1"),
        (("kind",), "picture", "is a 'picture'"),
        (("kind",), ANSWER, "is a 'cascade.classifier.answer'"),
        (("tiers", 0, "base_rate"), 1.5, "tiers.0.base_rate"),
        (("tiers", 0, "intercept"), "much", "tiers.0.intercept"),
        (("tiers", 0, "weights"), [1.0], "1 weights"),
        (("tiers", 0, "text_weights"), [], "text weights for 0"),
        (("tiers", 0, "text_weights"), [{"99999": 1.0}], "outside of 256 buckets"),
        (("tiers", 0, "calibration"), {"kind": "knots", "x": [1, 0], "y": [0, 1]}, "must not fall"),
        (("tiers", 0, "calibration"), {"kind": "platt", "x": [0, -1], "y": [0, 1]}, "slope"),
        (("tiers", 1, "name"), "flash", "each once"),
        (("tiers",), [], "there must be tiers"),
        (("features", "scale", 0), 0.0, "above 0"),
        (("features", "centre"), [], "centre has 0 values"),
        (("more",), 1, "more: Extra inputs"),
    ],
)
def test_a_bad_artefact_is_refused_with_what_is_wrong(
    text: str, path: tuple[str | int, ...], to: Any, what: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse(changed(text, *path, to=to), source="c.json")
    assert what in caught.value.message
    assert "c.json" in caught.value.message
    assert "cascade train" in caught.value.hint


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": 1}', '{"kind": NaN}', "\x00"])
def test_what_is_no_artefact_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_a_file_that_cannot_be_read_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        load(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(InputError, match="UTF-8"):
        load(tmp_path / "bytes.json")


def test_infinite_weights_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(text.replace('"intercept":', '"intercept":1e999,"x":', 1))


def test_the_artefact_that_ships_is_the_one_its_script_trains() -> None:
    again, shipped = train(), default()
    assert again.card == shipped.card
    for new, old in zip(again.tiers, shipped.tiers, strict=True):
        assert new.base_rate == old.base_rate
        assert np.allclose(new.weights, old.weights, atol=1e-6)
        assert np.allclose(
            [new.text_weights[0].get(b, 0.0) for b in range(2048)],
            [old.text_weights[0].get(b, 0.0) for b in range(2048)],
            atol=1e-6,
        )


def test_the_artefact_that_ships_has_a_card_with_its_limits() -> None:
    card = default().card
    assert card.licence
    assert card.n_tasks == 164
    assert any("DeepSeek" in limit for limit in card.limits)
    assert card.figures["brier_held_out"] < card.figures["brier_base_rates"]
