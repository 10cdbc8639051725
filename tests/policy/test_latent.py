"""Beliefs follow Bayes' rule, and survive the file they are kept in."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import InputError, StorageError
from cascade.policy.artifact import dump_estimates, load_estimates
from cascade.policy.latent import Arm, Flag, LatentEstimates, Trace
from cascade.policy.steps import Step, Verifier
from tests.policy.situations import attempt, situation

A, B = Step("a"), Step("b")


def two_classes(p: float = 0.9, q: float = 0.1) -> LatentEstimates:
    traces: dict[str, Trace | Flag] = {
        "cost_usd": Trace((0.0, 1.0), 0.5, 1.0, 1e-3),
        "failed_mypy": Flag((0.8, 0.3), 0.5),
    }
    return LatentEstimates(
        weights=(0.5, 0.5),
        arms={A: Arm(A, (p, q), (0.1, 0.2), 50.0, traces), B: Arm(B, (0.8, 0.3), (1.0, 2.0))},
        known_only=True,
        version="v",
    )


@given(p=st.floats(0.05, 0.95), q=st.floats(0.05, 0.95))
def test_a_failure_moves_the_weights_by_bayes_rule(p: float, q: float) -> None:
    belief = two_classes(p, q).belief(situation(), Verifier())
    after = belief.rejected(A)
    easy = (1 - p) / (2 - p - q)
    assert after.estimate(B).p == pytest.approx(easy * 0.8 + (1 - easy) * 0.3)
    assert after.estimate(B).cost_usd == pytest.approx(easy * 1.0 + (1 - easy) * 2.0)


def test_the_order_of_failures_does_not_matter() -> None:
    belief = two_classes().belief(situation(), Verifier())
    one, other = belief.rejected(A).rejected(B), belief.rejected(B).rejected(A)
    assert one.weights == pytest.approx(other.weights)


def test_what_an_attempt_left_behind_is_evidence() -> None:
    belief = two_classes().belief(situation(), Verifier()).rejected(A)
    cheap, dear = belief.saw(A, {"cost_usd": 1.0}), belief.saw(A, {"cost_usd": math.e})
    assert cheap.estimate(B).p > belief.estimate(B).p > dear.estimate(B).p


@given(p=st.floats(0.05, 0.95), q=st.floats(0.05, 0.95), weight=st.floats(0, 1))
def test_a_yes_or_no_figure_is_bernoulli_by_class(p: float, q: float, weight: float) -> None:
    yes, no = (Flag((p, q), weight).likelihoods(value) for value in (1.0, 0.0))
    assert yes[0] / yes[1] == pytest.approx((p / q) ** weight)
    assert no[0] / no[1] == pytest.approx(((1 - p) / (1 - q)) ** weight)


def test_the_kind_of_failure_is_evidence_both_ways() -> None:
    belief = two_classes().belief(situation(), Verifier()).rejected(A)
    types, other = belief.saw(A, {"failed_mypy": 1.0}), belief.saw(A, {"failed_mypy": 0.0})
    assert types.estimate(B).p > belief.estimate(B).p > other.estimate(B).p


def test_a_rejected_answer_stands_only_if_the_verifier_errs() -> None:
    assert two_classes().belief(situation(), Verifier()).rejected(A).stands(A) == 0
    assert two_classes().belief(situation(), Verifier(0.9, 0.8)).rejected(A).stands(A) > 0


def test_unknown_steps_are_ruled_out_only_where_the_estimates_say_so() -> None:
    known = two_classes()
    assert not known.allows(Step("a", 2))
    assert not known.allows(Step("c"))
    assert known.allows(Step("a", 1, "b", "diagnostics"))  # taken for the same attempt shown otherwise


def test_a_retry_that_was_logged_after_its_own_tier_is_not_known_after_another() -> None:
    again = Step("a", 2, "a", "diagnostics")
    known = replace(two_classes(), arms={again: Arm(again, (0.9, 0.1), (0.1, 0.2))})
    assert known.allows(again, "a")
    assert known.allows(Step("a", 2, "a", "full"), "a")
    assert not known.allows(Step("a", 2), "b")


def test_estimates_survive_their_file(tmp_path: Path) -> None:
    path = tmp_path / "estimates.json"
    path.write_text(dump_estimates(two_classes(), about={"log": "x"}))
    loaded = load_estimates(path)
    assert loaded == two_classes()
    assert loaded.belief(situation(attempt("a")), Verifier()).estimate(B) == two_classes().belief(
        situation(attempt("a")), Verifier()
    ).estimate(B)


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"kind": "other"}', dump_estimates(two_classes()).replace('"schema":1', '"schema":2')],
    ids=["empty", "list", "kind", "schema"],
)
def test_another_file_is_refused_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "estimates.json"
    path.write_text(text.replace('"schema": 1', '"schema": 2'))
    with pytest.raises(InputError, match=r"estimates\.json"):
        load_estimates(path)


@pytest.mark.parametrize("p", ["[0.8]", "[0.8, 1.0]", '[0.8, "x"]'], ids=["short", "certain", "word"])
def test_rates_that_cannot_be_are_refused(tmp_path: Path, p: str) -> None:
    path = tmp_path / "estimates.json"
    text = dump_estimates(two_classes())
    assert '"p": [\n      0.8,\n      0.3\n     ]' in text
    path.write_text(text.replace('"p": [\n      0.8,\n      0.3\n     ]', f'"p": {p}'))
    with pytest.raises(InputError, match=r"estimates\.json"):
        load_estimates(path)


def test_a_missing_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot read"):
        load_estimates(tmp_path / "none.json")
