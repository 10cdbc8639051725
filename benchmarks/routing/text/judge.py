"""What a judge at work is worth: `python -m benchmarks.routing.text.judge DATA_DIR [--seeds 5]`.

GSM8K without validators: the cheap model's answer is accepted from P(right) on, else the strong model is asked. Every
answer is judged by a fit without its task (five folds by task, at most 1,000 training tasks). Beside each
threshold stands the random mix of the two models at the same cost; means over the shuffles, and the 95% interval over
tasks of the difference (normal, scores of all shuffles averaged by task).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

# More threads make small fits slower, not faster.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks.routing.text.__main__ import GSM8K, splits
from benchmarks.routing.text.datasets import Floats, Pair, read_pair
from cascade.classifiers.answer_features import Answered
from cascade.classifiers.training import AnswerEstimator
from cascade.replay.read_table import read_table

ACCEPT = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)


def judged(pair: Pair, seed: int) -> Floats:
    """P(the cheap answer is right), each from a fit without its task, `(n_tasks,)`."""
    items = [Answered(task=t, answer=a) for t, a in zip(pair.tasks, pair.answers, strict=True)]
    found = np.empty(len(items))
    for train, test in splits(len(items), seed):
        judge = AnswerEstimator(calibration="platt").fit([items[k] for k in train], pair.outcomes[train])
        found[test] = judge.predict_proba([items[k] for k in test])[:, 0]
    return found


def costs(folder: Path, pair: Pair, models: tuple[str, str]) -> Floats:
    """USD of an attempt by task and model, `(n_tasks, 2)`."""
    table = read_table(folder / "outcomes.csv.gz")
    rows = {task: row for row, task in enumerate(table.tasks)}
    arms = [table.first(model) for model in models]
    return np.asarray(table.cost[[rows[task.id] for task in pair.tasks]][:, arms])


def main() -> None:
    """Print a line for each threshold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    wanted = parser.parse_args()
    name, *models = GSM8K
    cheap, strong = models
    pair = read_pair(wanted.data / name, cheap, strong)
    usd = costs(wanted.data / name, pair, (cheap, strong))
    chances = [judged(pair, seed) for seed in range(wanted.seeds)]
    for k, model in enumerate((cheap, strong)):
        print(f"always {model}: {pair.outcomes[:, k].mean():.1%} right at ${usd[:, k].mean():.6f} a task")
    print("accept   right   USD a task  strong asked  random mix  more (95% over tasks)")
    for least in ACCEPT:
        print(line(least, chances, pair, usd))


def line(least: float, chances: list[Floats], pair: Pair, usd: Floats) -> str:
    """The cascade with this threshold against the mix of the same cost."""
    asked = np.mean([p < least for p in chances], axis=0)
    right = asked * pair.strong + (1 - asked) * pair.cheap
    cost = float((usd[:, 0] + asked * usd[:, 1]).mean())
    share = (cost - usd[:, 0].mean()) / (usd[:, 1].mean() - usd[:, 0].mean())
    more = right - ((1 - share) * pair.cheap + share * pair.strong)
    reach = 1.96 * more.std(ddof=1) / np.sqrt(len(more))
    mix = right.mean() - more.mean()
    low, high = more.mean() - reach, more.mean() + reach
    return (
        f"  {least:.1f}   {right.mean():6.1%}   {cost:.6f}   {asked.mean():8.1%}      {mix:6.1%}     "
        f"{more.mean():+.1%} ({low:+.1%} to {high:+.1%})"
    )


if __name__ == "__main__":
    main()
