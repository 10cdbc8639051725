"""`cascade demo`: the main job on recorded answers of real models. No key, no network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cascade.api import Cascade
    from cascade.config import Config
    from cascade.report import Tally
    from cascade.types import Candidate, Task, Verdict
    from cascade.wiring import Checking

DATA = Path(__file__).parent.parent / "demo_data"
ABOUT = """\
recorded  answers of Qwen2.5-Coder-0.5B (as flash) and 1.5B (as pro), 4-bit, to {tasks} HumanEval tasks
executed  {validators} on every answer, now, in a sandbox:
          {layers}
counted   tokens as recorded, at DeepSeek's off-peak list prices of 2026-08-16 (USD per 1M input / cached /
          output): flash 0.15 / 0.003 / 0.60, pro 0.66 / 0.022 / 1.98. Nobody was billed; call seconds are
          those of two CPU cores at recording, not waited for.
"""


@click.command()
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N tasks.")
@click.option(
    "--trace", "trace_path", default="traces", show_default=True, help="Folder or file of the trace."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else.")
def demo(*, limit: int | None, trace_path: str, as_json: bool) -> int:
    """Watch a cascade of two recorded models solve real tasks, checked by ruff, mypy and pytest."""
    from cascade.config import load
    from cascade.tasks import read_tasks
    from cascade.types import Task

    config = load(DATA / "cascade.yaml")
    _require_tools([validator.use for validator in config.validators])
    tasks = [task for task in read_tasks(DATA / "tasks.jsonl.gz") if isinstance(task, Task)][:limit]
    asyncio.run(_demo(config, tasks, trace_path=trace_path, as_json=as_json))
    return 0


def _require_tools(checks: Sequence[str]) -> None:
    """Raise UsageError where a tool of these checks is missing: nothing could be accepted."""
    from cascade.errors import UsageError
    from cascade.validators.installed import INSTALL, TOOLS, is_installed

    missing = [tool for tool in TOOLS if tool in checks and not is_installed(tool)]
    if missing:
        raise UsageError(
            f"the demo checks every answer with {', '.join(missing)}, which this environment lacks",
            hint=INSTALL,
        )


async def _demo(config: Config, tasks: list[Task], *, trace_path: str, as_json: bool) -> None:
    from cascade.wiring import open_checks

    checking = open_checks(config)
    try:
        if not as_json:
            layers = ", ".join(checking.layers) or "none"
            names = ", ".join(checking.checks.names)
            click.echo(ABOUT.format(tasks=len(tasks), validators=names, layers=layers))
        tallies, trace = await _three(config, tasks, checking, trace_path=trace_path, quiet=as_json)
    finally:
        await checking.aclose()
    cascade, *others = tallies.values()
    if as_json:
        found = {name: tally.as_json() for name, tally in tallies.items()}
        click.echo(json.dumps(found["cascade"] | {"compare": found, "trace": trace}))
        return
    _show(cascade, dict(zip(list(tallies)[1:], others, strict=True)), trace)


async def _three(
    config: Config, tasks: list[Task], checking: Checking, *, trace_path: str, quiet: bool
) -> tuple[dict[str, Tally], str | None]:
    """The cascade, then each tier alone, on the same tasks and through the same graph and checks."""
    from cascade.api import Cascade
    from cascade.config import FixedPolicy
    from cascade.wiring import Checking

    shared = Checking(checks=Remembered(checking.checks), layers=checking.layers)
    tallies: dict[str, Tally] = {}
    traces: list[str | None] = []
    policies = {"cascade": config.policy}
    policies |= {f"always {tier}": FixedPolicy(use="fixed", order=(tier,)) for tier in config.tiers}
    for name, policy in policies.items():
        changed = config.model_copy(update={"policy": policy})
        place = trace_path if name == "cascade" else None
        cascade = Cascade.from_config(changed, trace=place, checking=shared)
        traces.append(await _all(cascade, tasks, label=name, quiet=quiet))
        tallies[name] = cascade.tally
    return tallies, traces[0]


async def _all(cascade: Cascade, tasks: list[Task], *, label: str, quiet: bool) -> str | None:
    """Run the tasks with progress; the trace's path."""
    from cascade.cli.batch import Batch
    from cascade.cli.screen import Live

    live = Live(len(tasks), label=label, quiet=quiet)
    async with cascade:
        with live.shown():
            await Batch(cascade=cascade, concurrency=4, live=live).run(tasks)
        return cascade.trace_path


class Remembered:
    """Checks that are asked once for each answer: the comparison sees many of the cascade's answers again."""

    def __init__(self, checks: Any) -> None:
        self._checks = checks
        self._verdicts: dict[tuple[str, tuple[tuple[str, str], ...]], Verdict] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """See `Checks`."""
        names: tuple[str, ...] = self._checks.names
        return names

    async def check(self, task: Task, candidate: Candidate) -> Verdict:
        """The verdict of the first time."""
        key = (task.id, tuple(sorted(candidate.files.items())))
        if key not in self._verdicts:
            self._verdicts[key] = await self._checks.check(task, candidate)
        return self._verdicts[key]


def _show(cascade: Tally, others: dict[str, Tally], trace: str | None) -> None:
    from cascade.cli.screen import console
    from cascade.report.tables import Comparison, cost_table, outcome_line, unchecked_lines, usd

    out = console()
    rows = [Comparison(name=name, tally=tally) for name, tally in others.items()]
    out.print(cost_table(cascade, compare=rows))
    out.print(outcome_line(cascade), markup=False)
    strongest = list(others.values())[-1]
    if strongest.accepted and strongest.total.cost_usd:
        ratio = cascade.total.cost_usd / strongest.total.cost_usd
        out.print(
            f"beside {list(others)[-1]}: {cascade.accepted - strongest.accepted:+d} solved at {ratio:.2f} of "
            f"its cost ({usd(cascade.total.cost_usd)} against {usd(strongest.total.cost_usd)})",
            markup=False,
        )
    for line in unchecked_lines(cascade):
        out.print(line, markup=False)
    if trace:
        out.print(f"trace: {trace}   (look into it: cascade report {trace})", markup=False, soft_wrap=True)
