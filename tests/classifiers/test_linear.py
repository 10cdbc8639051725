"""Lean scoring: equal to the estimator, honest where it knows nothing, free of heavy imports."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.classifiers.after_output import AnswerClassifier
from cascade.classifiers.answer_features import Answered
from cascade.classifiers.artifact import Artifact, Card, dump, parse
from cascade.classifiers.calibration import Method
from cascade.classifiers.export import to_artifact
from cascade.classifiers.hashing import TextSpec
from cascade.classifiers.linear import LinearClassifier
from cascade.classifiers.training import AnswerEstimator, TextView, TierPassEstimator
from cascade.errors import InputError
from cascade.types import Task
from tests.classifiers.conftest import SMALL, Simulated

CARD = Card(trained_on="a simulation", date="2026-11-24", n_tasks=500)
TIERS = ("flash", "pro")
LETTERS = TextView(TextSpec(words=None, chars=(3, 4), buckets=512, clip=300), metadata=("kind",))


def exported(estimator: TierPassEstimator, log: Simulated, **models: tuple[str, ...]) -> Artifact:
    return parse(dump(to_artifact(estimator, log.outcomes, TIERS, name="sim", card=CARD, models=models)))


@pytest.fixture(scope="module")
def artifact(fitted: TierPassEstimator, log: Simulated) -> Artifact:
    return exported(fitted, log)


@pytest.mark.parametrize("method", ["linear", "platt", "isotonic"])
def test_scores_equal_scikit_learns_to_1e9(log: Simulated, method: Method) -> None:
    tasks = [Task(prompt=t.prompt, metadata={"kind": "ab"[k % 2]}) for k, t in enumerate(log.tasks)]
    estimator = TierPassEstimator(texts=(SMALL, LETTERS), calibration=method).fit(tasks, log.outcomes)
    lean = LinearClassifier(exported(estimator, log))
    wanted = estimator.predict_proba(tasks[:100])
    ours = np.array([list(lean.probabilities(task, TIERS).values()) for task in tasks[:100]])
    assert np.abs(ours - wanted).max() < 1e-9
    assert ours.std() > 0.05


def test_scores_of_answers_equal_scikit_learns_to_1e9(log: Simulated) -> None:
    items = [Answered(task=task, answer=f"1 + {k % 7} = {k % 5}") for k, task in enumerate(log.tasks)]
    view = TextView(TextSpec(words=(1, 1), buckets=128), source="answer")
    estimator = AnswerEstimator(texts=(view,)).fit(items, log.outcomes)
    text = dump(to_artifact(estimator, log.outcomes, TIERS, name="sim", card=CARD))
    with pytest.raises(InputError, match=r"cascade\.classifier\.answer"):
        parse(text)
    judge = AnswerClassifier(parse(text, kind="cascade.classifier.answer"))
    wanted = estimator.predict_proba(items[:50])
    ours = [[one.p for one in judge.estimates(item, TIERS).values()] for item in items[:50]]
    assert np.abs(np.array(ours) - wanted).max() < 1e-9
    assert judge.tier == "flash"
    assert judge.right(items[0]).p == ours[0][0]


@given(st.text(max_size=200))
@settings(max_examples=100)
def test_any_prompt_gets_probabilities_in_bounds(artifact: Artifact, prompt: str) -> None:
    estimates = LinearClassifier(artifact).explain(Task(prompt=prompt), (*TIERS, "new")).estimates
    for one in estimates.values():
        assert 0 <= one.low <= one.p <= one.high <= 1


def test_the_order_of_tiers_changes_no_known_probability(artifact: Artifact, log: Simulated) -> None:
    lean = LinearClassifier(artifact)
    assert lean.probabilities(log.tasks[0], TIERS) == lean.probabilities(log.tasks[0], TIERS[::-1])


def test_a_tier_that_was_never_trained_on_says_so(artifact: Artifact, log: Simulated) -> None:
    found = LinearClassifier(artifact).explain(log.tasks[0], ("flash", "middle", "huge"))
    known, unknown, dearest = found.estimates.values()
    assert known.known
    assert not unknown.known
    assert "never trained on middle" in unknown.reason
    assert "middle, huge" in found.reason
    assert unknown.high - unknown.low > 0.5
    assert unknown.p < dearest.p


def test_the_model_behind_a_tier_decides_whether_it_is_known(
    fitted: TierPassEstimator, log: Simulated
) -> None:
    artifact = exported(fitted, log, flash=("small-7b",), pro=("large-70b",))
    task = log.tasks[0]
    renamed = LinearClassifier(artifact, models={"a": "large-70b", "flash": "another"})
    found = renamed.explain(task, ("a", "flash")).estimates
    assert found["a"].known
    assert found["a"].p == LinearClassifier(artifact).probabilities(task, ["pro"])["pro"]
    assert not found["flash"].known
    assert "another" in found["flash"].reason


def test_where_no_model_is_named_the_tiers_name_is_believed(artifact: Artifact, log: Simulated) -> None:
    found = LinearClassifier(artifact, models={"flash": "deepseek-flash"}).explain(log.tasks[0], ["flash"])
    assert found.estimates["flash"].known


def test_a_task_unlike_all_of_training_gets_the_base_rate_and_hears_why(artifact: Artifact) -> None:
    odd = Task(prompt="Ist 3/4 > 50%? $1,000,000! {[()]} 7.5 × 2\n\n" * 40, files={"a.py": "x" * 9000})
    one = LinearClassifier(artifact).explain(odd, ["flash"]).estimates["flash"]
    assert not one.known
    assert one.p == artifact.tiers[0].base_rate
    assert "unlike the tasks of training" in one.reason


def test_the_default_knows_its_own_models_and_not_deepseeks() -> None:
    task = Task(prompt="Complete this function:\n```python\ndef add(a: int, b: int) -> int:\n```")
    real = LinearClassifier.default(models={"flash": "deepseek-flash", "pro": "deepseek-v4-pro"})
    for one in real.explain(task, TIERS).estimates.values():
        assert not one.known
        assert one.high - one.low > 0.5
    assert not LinearClassifier.default().explain(task, TIERS).estimates["flash"].known


def test_a_feature_of_another_version_is_refused(artifact: Artifact) -> None:
    odd = artifact.model_copy(
        update={
            "features": artifact.features.model_copy(
                update={"names": ("telepathy", *artifact.features.names[1:])}
            )
        }
    )
    with pytest.raises(InputError, match="telepathy"):
        LinearClassifier(odd)


def test_scoring_imports_neither_scikit_learn_nor_numpy() -> None:
    code = (
        "import sys\n"
        "from cascade.classifiers.linear import LinearClassifier\n"
        "from cascade.classifiers.rules import RulesClassifier\n"
        "from cascade.classifiers.after_output import AnswerClassifier\n"
        "from cascade.types import Task\n"
        "LinearClassifier.default().probabilities(Task(prompt='p'), ['a', 'b'])\n"
        "RulesClassifier().probabilities(Task(prompt='p'), ['a', 'b'])\n"
        "print([name for name in ('sklearn', 'numpy', 'scipy') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
