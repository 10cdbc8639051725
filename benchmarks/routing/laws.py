"""python -m benchmarks.routing.laws [--logs 400]: the statistical laws, on many simulated logs.

Coverage of 95% intervals (exact, IPS, SNIPS, doubly robust), and how often `tune` breaks a promise made at 95%.
The smaller versions are in the test suite.
"""

from __future__ import annotations

import time
from collections import defaultdict

import click
import numpy as np

from cascade.policy.steps import Step
from cascade.replay.engine import play
from cascade.replay.intervals import Moments, interval
from cascade.replay.offpolicy import off_policy
from cascade.replay.plans import FixedPlan
from cascade.tuning.estimates import fit_estimates
from cascade.tuning.goal import Goal
from cascade.tuning.tune import Settings, tune
from tests.replay.worlds import logged, world

CHEAP, OTHER = Step("cheap"), Step("middle")
PLANS = (FixedPlan((CHEAP, OTHER)), FixedPlan((OTHER,)), FixedPlan((OTHER, CHEAP)))


def coverage(logs: int, tasks: int) -> None:
    """Bias in standard errors, and the share of intervals that hold the truth."""
    for plan in PLANS:
        truth = play(world(0, 200_000, 2), plan)
        want = {"success": float(truth.success.mean()), "cost": float(truth.cost.mean())}
        inside: defaultdict[tuple[str, str], list[tuple[float, bool]]] = defaultdict(list)
        for seed in range(logs):
            table = world(seed + 1, tasks, 2)
            exact = play(table, plan)
            for figure, values in (("success", exact.success), ("cost", exact.cost)):
                moments = Moments.of(values)
                low, high = interval(moments, share=figure == "success")
                inside["exact", figure].append((moments.mean, low <= want[figure] <= high))
            found = off_policy(logged(table, seed), plan, model=lambda part: fit_estimates(part.table))
            for one in (found.ips, found.snips, found.dr):
                for figure, ci in (("success", one.success_ci), ("cost", one.cost_ci)):
                    inside[one.name, figure].append((getattr(one, figure), ci[0] <= want[figure] <= ci[1]))
        click.echo(f"{plan.label}: success {want['success']:.4f}, cost {want['cost']:.5f}")
        for (name, figure), results in inside.items():
            values = np.array([value for value, _ in results])
            error = values.std(ddof=1) / np.sqrt(logs)
            bias = (values.mean() - want[figure]) / error
            covered = np.mean([held for _, held in results])
            click.echo(
                f"  {name:<6}{figure:<8} coverage {covered:.3f}, bias {bias:+.2f} se, sd {values.std():.5f}"
            )


def promises(logs: int, tasks: int) -> None:
    """How often `tune` promises, and how often the promise is broken, for goals of success and of cost."""
    truth = world(10**6, 100_000)
    goals = (
        Goal(kind="success", amount=0.75),
        Goal(kind="success", amount=0.85),
        Goal(kind="cost", amount=0.03),
    )
    for goal in goals:
        broken = promised = 0
        start = time.perf_counter()
        for seed in range(logs):
            tuned = tune(world(seed, tasks), goal, Settings(seed=seed))
            if not tuned.choice.pick.promised:
                continue
            promised += 1
            played = play(truth, tuned.choice.plan)
            success, cost = float(played.success.mean()), float(played.cost.mean())
            broken += success < goal.amount if goal.kind == "success" else cost > goal.amount
        click.echo(
            f"{goal}, {tasks} tasks: promised on {promised} of {logs} logs, broken on {broken} "
            f"({broken / logs:.3f} of all) in {time.perf_counter() - start:.0f} s"
        )


@click.command(help=__doc__)
@click.option("--logs", default=400, show_default=True)
@click.option("--tasks", default=400, show_default=True)
def main(logs: int, tasks: int) -> None:
    """Both laws."""
    coverage(logs, tasks)
    promises(logs, tasks)


if __name__ == "__main__":
    main()
