"""`cascade run`: the main job."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cascade.cli.repository import repository_options
from cascade.errors import StorageError, UsageError

if TYPE_CHECKING:
    from cascade.api import Cascade
    from cascade.cli.batch import BatchEnd
    from cascade.cli.repository import Applied
    from cascade.config import Config
    from cascade.tasks import BrokenLine
    from cascade.types import Task

CONFIG_NAMES = ("cascade.yaml", "cascade.yml", "cascade.toml")


@click.command()
@click.argument("what", metavar="PROMPT|TASKS.jsonl")
@click.option(
    "-c",
    "--config",
    "config_path",
    help=f"Config file. Default: {CONFIG_NAMES[0]} here, else DeepSeek's pair.",
)
@click.option("-o", "--output", help="Write results here, one JSON line a task.")
@click.option("--trace", "trace_path", help="Write the trace here (overrides the config).")
@click.option(
    "--concurrency", type=click.IntRange(min=1), default=32, show_default=True, help="Tasks at once."
)
@click.option("--budget", metavar="USD", help="Spend at most this much in all.")
@repository_options
@click.option("--resume", is_flag=True, help="Go on with what the results file (-o) does not have yet.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else.")
def run(**options: Any) -> int:
    """Run one prompt, or every task of a file, through the cascade.

    With --workspace the accepted answer is printed as a patch that `git apply` takes, or written with --apply.
    """
    from cascade.api import Cascade
    from cascade.cli.repository import check_options, in_workspace, with_project
    from cascade.cli.resume import Standing, standing

    if options["resume"] and not options["output"]:
        raise UsageError("--resume needs the results file", hint="name it with -o RESULTS.jsonl")
    check_options(options, single=is_prompt(options["what"]))
    config = with_budget(find_config(options["config_path"]), options["budget"])
    config = with_project(config, options)
    tasks = in_workspace(list_tasks(options["what"], show_tests=config.show_tests), options["workspace"])
    trace = trace_place(options, config)
    stands = standing(options["output"], trace) if options["resume"] else Standing()
    for note in stands.notes:
        click.echo(f"resume: {note}", err=True)
    cascade = Cascade.from_config(config, trace=trace, spent=stands.spent)
    left = (task for task in tasks if task.id not in stands.done)
    return asyncio.run(_run(cascade, left, options))


def trace_place(options: Mapping[str, Any], config: Config) -> str | None:
    """Where the trace goes: as asked, as configured, else beside the results, so that no cent goes unrecorded."""
    from cascade.cli.resume import trace_beside

    configured = config.trace.path
    if options["trace_path"]:
        return str(options["trace_path"])
    if not options["output"] or (configured is not None and configured.suffix):
        return None if configured is None else str(configured)
    return trace_beside(options["output"], folder=configured, resume=options["resume"])


async def _run(cascade: Cascade, tasks: Iterable[Task | BrokenLine], options: dict[str, Any]) -> int:
    from cascade.cli.batch import Batch, results_file
    from cascade.cli.screen import Live

    quiet = options["as_json"]
    single = is_prompt(options["what"])
    live = Live(None if single else count_lines(options["what"]), label="tasks", quiet=quiet or single)
    cascade.notices.listen(live.warn)
    batch = Batch(cascade=cascade, concurrency=options["concurrency"], live=live, keep=single)
    lost: StorageError | None = None
    try:
        async with cascade:
            with results_file(options["output"], resume=options["resume"]) as batch.writer, live.shown():
                await batch.run(tasks)
            trace = cascade.trace_path
    except StorageError as error:
        if error.code != "storage.gone":
            raise
        lost, trace = error, None
    end = batch.end
    applied = _applied(end, options) if options["apply"] else None
    if options["as_json"]:
        found = document(cascade, trace=trace, results=options["output"], end=end)
        click.echo(json.dumps(found | ({} if applied is None else applied.as_json())))
    else:
        show(cascade, end, trace=trace, options=options, applied=applied)
    if lost is not None:
        raise lost
    return end.exit_code or (0 if applied is None else applied.exit_code)


def _applied(end: BatchEnd, options: Mapping[str, Any]) -> Applied | None:
    """What became of --apply; None where nothing was accepted."""
    from cascade.cli.repository import Applied, prompt_task

    accepted = [result for result in end.results if result.status == "accepted"]
    if not accepted or end.interrupted:
        return None
    return Applied.of(prompt_task(options["what"], options["workspace"]), accepted[0])


def find_config(path: str | None) -> Config:
    """The named config; else the one of the current folder; else DeepSeek's pair."""
    from cascade.config import default_config, installed, load

    found = path or next((name for name in CONFIG_NAMES if Path(name).is_file()), None)
    return default_config(need_key=True) if found is None else load(found, plugins=installed())


def with_budget(config: Config, usd: str | None) -> Config:
    """The config with the run's budget replaced."""
    if usd is None:
        return config
    try:
        amount = Decimal(usd)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount <= 0:
        raise UsageError(f"--budget {usd} is not an amount of USD above 0", hint="for example --budget 0.50")
    return config.model_copy(update={"budget": config.budget.model_copy(update={"total_usd": amount})})


def is_prompt(what: str) -> bool:
    """Whether the argument is a prompt, not a task file."""
    return not what.endswith((".jsonl", ".jsonl.gz", ".ndjson"))


def list_tasks(what: str, *, show_tests: bool) -> Iterable[Task | BrokenLine]:
    """The prompt as a task, or the tasks of the file. Raises InputError if the file cannot be read."""
    from cascade.tasks import read_tasks
    from cascade.types import Task

    if is_prompt(what):
        return [Task(prompt=what, id="prompt", show_tests=show_tests)]
    return read_tasks(what, show_tests=show_tests)


def count_lines(path: str) -> int | None:
    """How many tasks a file seems to hold, for the progress bar."""
    from cascade.storage import open_bytes

    with open_bytes(path, what="task file") as file:
        return sum(bool(line.strip()) for line in file)


def document(cascade: Cascade, *, trace: str | None, results: str | None, end: BatchEnd) -> dict[str, Any]:
    """What --json prints (design 5.8)."""
    from cascade.codec import to_json

    found = cascade.tally.as_json() | {"tasks": sum(end.statuses.values()), "statuses": end.statuses}
    document = found | {"trace": trace, "results": results, "interrupted": end.interrupted}
    if end.results:
        document["result"] = to_json(end.results[0])
    return document


def show(
    cascade: Cascade,
    end: BatchEnd,
    *,
    trace: str | None,
    options: dict[str, Any],
    applied: Applied | None = None,
) -> None:
    """The answer of a single prompt on stdout; table and places for people."""
    from cascade.cli.repository import show_answer
    from cascade.cli.screen import console
    from cascade.report.tables import (
        cost_table,
        error_lines,
        judge_lines,
        outcome_line,
        unchecked_lines,
        warning_counts,
    )

    single = bool(end.results)
    out = console(stderr=single)
    for result in end.results:
        show_answer(result, applied, as_patch=options["workspace"] is not None)
        out.print(f"{result.status}: {result.reason}", markup=False)
        for line in () if applied is None else applied.lines:
            out.print(line, markup=False, soft_wrap=True)
    if end.statuses:
        out.print(cost_table(cascade.tally))
    if not single:
        out.print(outcome_line(cascade.tally), markup=False)
    tally = cascade.tally
    for line in [
        *tally.prefix.lines(),
        *(() if single else end.money_lines),
        *error_lines(end.errors, end.told),
        *warning_counts(tally),
        *unchecked_lines(tally),
        *judge_lines(tally),
    ]:
        out.print(line, markup=False)
    out.print("sandbox: " + (", ".join(cascade.sandbox_layers) or "none"), markup=False)
    for name, place in (("trace", trace), ("results", options["output"])):
        if place:
            out.print(f"{name}: {place}", markup=False, soft_wrap=True)
    if end.interrupted:
        go_on = (
            "; run it again with --resume to go on" if options["output"] else "; with -o it could be resumed"
        )
        out.print(f"interrupted: what was done is kept{go_on}", markup=False)
