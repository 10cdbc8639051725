"""What a router that reads the text is worth: `python -m benchmarks.routing.text DATA_DIR [--seeds 5]`.

DATA_DIR holds folders as `routellm_gsm8k` and `livecodebench_dev` (`tasks.jsonl.gz`, `outcomes.csv.gz`, answers in
`responses.jsonl.gz`). Every task is scored by a model that was fitted without it: five folds, split by task, each
trained on at most 1,000 tasks, everything (scales, penalties, blend, calibration) fitted inside the training
part; five shuffles give the mean and its 95% interval (Student's t). The other interval is over tasks: the
2.5% and 97.5% points of 1,000 bootstrap samples of tasks, scores of all shuffles averaged. Features are those
that ship. The text alone is read, but for the study that says otherwise: it is told the platform and the
difficulty that LiveCodeBench gives each problem, as declared metadata of the task. No date is used.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

# More threads make small fits slower, not faster.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from sklearn.model_selection import KFold

from benchmarks.routing.text.datasets import Floats, Pair, read_pair
from benchmarks.routing.text.metrics import apgr, cpt
from cascade.classifiers.answer_features import Answered
from cascade.classifiers.training import LETTERS, WORDS, AnswerEstimator, TierPassEstimator

FOLDS = 5
MOST_TRAINING_TASKS = 1000
# Two-sided 95% points of Student's t, by degrees of freedom.
STUDENT = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}


@dataclass(frozen=True, slots=True)
class Study:
    """One router on one pair of models, with the goals for it: figure, bound, aim (None: no goal)."""

    name: str
    folder: str
    cheap: str
    strong: str
    stage: str | None = None
    sees_answer: bool = False
    metadata: tuple[str, ...] = ()
    apgr_goal: tuple[float, float] | None = None
    cpt50_goal: float | None = None


GSM8K = ("routellm_gsm8k", "mixtral-8x7b-instruct", "gpt-4-1106-preview")
LCB = "livecodebench_dev"
STUDIES = (
    Study("GSM8K, question only", *GSM8K, apgr_goal=(0.62, 0.65)),
    Study("GSM8K, cheap answer seen", *GSM8K, sees_answer=True, apgr_goal=(0.77, 0.82), cpt50_goal=17.0),
    Study(
        "LiveCodeBench, GPT-4o-mini > Claude 3.5 Sonnet",
        LCB,
        "GPT-4O-mini-2024-07-18",
        "Claude-3.5-Sonnet-20241022",
        stage="codegen",
        apgr_goal=(0.69, 0.72),
    ),
    Study(
        "LiveCodeBench, the same with declared platform and difficulty",
        LCB,
        "GPT-4O-mini-2024-07-18",
        "Claude-3.5-Sonnet-20241022",
        stage="codegen",
        metadata=("platform", "difficulty"),
        apgr_goal=(0.69, 0.72),
    ),
    Study(
        "LiveCodeBench, DeepSeek-V3 > o3-mini",
        LCB,
        "DeepSeek-V3",
        "O3-Mini-2025-01-31 (Med)",
        stage="codegen",
    ),
    Study(
        "LiveCodeBench, Gemini Flash > Gemini Pro",
        LCB,
        "Gemini-Flash-1.5-002",
        "Gemini-Pro-1.5-002",
        stage="codegen",
    ),
)


def out_of_fold(study: Study, pair: Pair, seed: int) -> Floats:
    """P of each task's outcomes from a fit without it, shape `(n_tasks, 2)`."""
    found = np.empty_like(pair.outcomes)
    for train, test in splits(len(pair.tasks), seed):
        # The linear map keeps the learned difference between the two models; Platt's bends each by itself.
        if study.sees_answer:
            items = [Answered(task=t, answer=a) for t, a in zip(pair.tasks, pair.answers, strict=True)]
            judge = AnswerEstimator(calibration="linear")
            judge.fit([items[k] for k in train], pair.outcomes[train])
            found[test] = judge.predict_proba([items[k] for k in test])
        else:
            texts = tuple(replace(view, metadata=study.metadata) for view in (WORDS, LETTERS))
            router = TierPassEstimator(texts=texts, calibration="linear")
            router.fit([pair.tasks[k] for k in train], pair.outcomes[train])
            found[test] = router.predict_proba([pair.tasks[k] for k in test])
    return found


def splits(count: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
    """Five folds of a shuffle: at most 1,000 training tasks, and the fold."""
    for rest, fold in KFold(FOLDS, shuffle=True, random_state=seed).split(np.arange(count)):
        chosen = np.random.default_rng(seed).permutation(rest)[:MOST_TRAINING_TASKS]
        yield np.sort(chosen), fold


def run(study: Study, data: Path, seeds: int) -> dict[str, object]:
    """Figures of one study."""
    begun = time.perf_counter()
    pair = read_pair(data / study.folder, study.cheap, study.strong, stage=study.stage)
    predicted = [out_of_fold(study, pair, seed) for seed in range(seeds)]
    gains = [p[:, 1] - p[:, 0] for p in predicted]
    figures = {
        "apgr": [apgr(gain, pair.cheap, pair.strong) for gain in gains],
        "cpt50": [cpt(gain, pair.cheap, pair.strong, at=0.5) for gain in gains],
        "cpt80": [cpt(gain, pair.cheap, pair.strong, at=0.8) for gain in gains],
        "brier": [float(((p - pair.outcomes) ** 2).mean()) for p in predicted],
    }
    base = float(((pair.outcomes.mean(axis=0) - pair.outcomes) ** 2).mean())
    return {
        "study": study.name,
        "n_tasks": len(pair.tasks),
        "trained_on": min(MOST_TRAINING_TASKS, len(pair.tasks) * (FOLDS - 1) // FOLDS),
        **{name: summary(values) for name, values in figures.items()},
        "apgr_over_tasks": bootstrap(np.mean(gains, axis=0), pair),
        "brier_base_rates": base,
        "goals": goals(study, figures),
        "seconds": round(time.perf_counter() - begun, 1),
    }


def summary(values: list[float]) -> dict[str, float]:
    """Mean and 95% interval over the shuffles."""
    count = len(values)
    mean = float(np.mean(values))
    reach = STUDENT.get(count - 1, 2.0) * float(np.std(values, ddof=1)) / count**0.5 if count > 1 else 0.0
    return {"mean": round(mean, 4), "low": round(mean - reach, 4), "high": round(mean + reach, 4)}


def bootstrap(gain: Floats, pair: Pair, *, times: int = 1000) -> list[float]:
    """95% interval of APGR over resampled tasks."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(times):
        rows = rng.integers(0, len(gain), len(gain))
        if abs(float((pair.strong - pair.cheap)[rows].sum())) > 1e-9:
            found.append(apgr(gain[rows], pair.cheap[rows], pair.strong[rows]))
    return [round(float(x), 3) for x in np.quantile(found, (0.025, 0.975))]


def goals(study: Study, figures: dict[str, list[float]]) -> list[str]:
    """Each goal in words: met, missed, and the aim beyond it."""
    said = []
    if study.apgr_goal is not None:
        bound, aim = study.apgr_goal
        mean = float(np.mean(figures["apgr"]))
        said.append(f"APGR >= {bound}: {_met(mean >= bound)} (aim {aim}: {_met(mean >= aim)})")
    if study.cpt50_goal is not None:
        mean = float(np.mean(figures["cpt50"]))
        said.append(f"CPT(50%) <= {study.cpt50_goal:g}%: {_met(mean <= study.cpt50_goal)}")
    return said


def _met(good: bool) -> str:
    return "met" if good else "MISSED"


def main() -> None:
    """Print the table, or one JSON document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="", help="studies whose name contains this")
    wanted = parser.parse_args()
    documents = []
    for study in STUDIES:
        if wanted.only.lower() not in study.name.lower():
            continue
        found = run(study, wanted.data, wanted.seeds)
        documents.append(found)
        if not wanted.json:
            show(found)
    if wanted.json:
        print(json.dumps(documents, indent=1))


def show(found: dict[str, object]) -> None:
    """One study on the screen."""
    print(
        f"{found['study']}: {found['n_tasks']} tasks, trained on {found['trained_on']}, {found['seconds']} s"
    )
    for name in ("apgr", "cpt50", "cpt80", "brier"):
        one = found[name]
        assert isinstance(one, dict)
        print(f"  {name:6} {one['mean']:8.4f}  [{one['low']:.4f}, {one['high']:.4f}] over shuffles")
    print(
        f"  apgr over tasks {found['apgr_over_tasks']}; brier of base rates {found['brier_base_rates']:.4f}"
    )
    wanted = found["goals"]
    assert isinstance(wanted, list)
    for goal in wanted:
        print(f"  {goal}")


if __name__ == "__main__":
    main()
