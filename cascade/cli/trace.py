"""`cascade trace verify|reprice|export|label`: integrity, money, tables and ground truth of a trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cascade.cli.label import label
from cascade.cli.signing import signing_key, signing_key_option

if TYPE_CHECKING:
    from cascade.prices.repricing import Repriced
    from cascade.trace import Verification


SHOWN = 50


@click.group()
def trace() -> None:
    """Look after traces."""


trace.add_command(label)


@trace.command()
@click.argument("path", type=click.Path(path_type=Path))
@signing_key_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def verify(ctx: click.Context, *, path: Path, signing_key_env: str | None, as_json: bool) -> None:
    """Check that every line is valid and stands where it was written, that every call has its end and every sum
    holds. Exit 1 on a fault.
    """
    from cascade.trace import verify_file

    found = verify_file(path, key=signing_key(signing_key_env))
    if as_json:
        click.echo(json.dumps(_verification(found)))
    else:
        _tell(path, found)
    ctx.exit(0 if found.ok else 1)


def _verification(found: Verification) -> dict[str, object]:
    progress = found.progress
    return {
        "ok": found.ok,
        "events": found.events,
        "problems": [{"line": problem.line, "message": problem.message} for problem in found.problems],
        "notes": list(found.notes),
        "promise": found.promise,
        "tasks": {"finished": len(progress.finished), "unfinished": sorted(progress.unfinished)},
        "spent_usd": str(progress.spent_usd),
        "unknown_usd": str(progress.unknown_usd),
        "unpriced": progress.unpriced,
        "open_calls": [
            {
                "task_id": call.task_id,
                "attempt": call.attempt,
                "tier": call.tier,
                "reserved_usd": _usd(call.reserved_usd),
            }
            for call in found.open_calls
        ],
    }


def _usd(amount: object) -> str | None:
    return None if amount is None else str(amount)


def _tell(path: Path, found: Verification) -> None:
    progress = found.progress
    for problem in found.problems[:SHOWN]:
        place = f"{path}:{problem.line}" if problem.line else str(path)
        click.echo(f"{place}: {problem.message}")
    if len(found.problems) > SHOWN:
        click.echo(f"... and {len(found.problems) - SHOWN} more; --json lists all")
    for note in found.notes:
        click.echo(f"note: {note}")
    click.echo(
        f"{found.events} events, {len(progress.finished)} tasks finished, {len(progress.unfinished)} unfinished; "
        f"{progress.spent_usd} USD spent, up to {progress.unknown_usd} USD of unknown fate"
    )
    count = len(found.problems)
    click.echo(f"checked: {found.promise}")
    click.echo("the trace is whole" if found.ok else f"{count} fault{'' if count == 1 else 's'}")


@trace.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def reprice(*, path: Path, as_json: bool) -> None:
    """What the trace's calls cost by today's price table, each at the moment it was sent."""
    from cascade.prices.repricing import reprice as compute
    from cascade.trace import read_trace

    result = compute(read_trace(path, strict=False).events)
    if as_json:
        click.echo(json.dumps(_repriced(result)))
        return
    click.echo(f"booked   {result.booked_usd} USD ({result.unpriced_before} charges without a price)")
    click.echo(f"repriced {result.repriced_usd} USD ({len(result.unpriced)} charges without a price)")
    for change in result.changes:
        click.echo(f"  {change.model} at {change.endpoint}: {change.before_usd} -> {change.after_usd} USD")
    for model in sorted(set(result.unpriced)):
        click.echo(f"  no price is known for {model}")


def _repriced(result: Repriced) -> dict[str, object]:
    return {
        "booked_usd": str(result.booked_usd),
        "repriced_usd": str(result.repriced_usd),
        "unpriced": list(result.unpriced),
        "unpriced_before": result.unpriced_before,
        "kept": result.kept,
        "changes": [
            {
                "model": change.model,
                "endpoint": change.endpoint,
                "before_usd": str(change.before_usd),
                "after_usd": str(change.after_usd),
            }
            for change in result.changes
        ],
    }


@trace.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--outcomes", type=click.Path(path_type=Path), help="Write an outcome table (CSV).")
@click.option(
    "--truth", type=click.Path(path_type=Path), help="For --outcomes: what is true of the answers (CSV)."
)
@click.option("--otlp", metavar="URL", help="Send spans to a collector, such as http://localhost:4318.")
def export(*, path: Path, outcomes: Path | None, truth: Path | None, otlp: str | None) -> None:
    """The trace for others: as a table of every attempt's outcome, cost and latency, or as spans."""
    from cascade.trace.reader import read_events

    if outcomes is None and otlp is None:
        raise click.UsageError("say where to: --outcomes FILE or --otlp URL")
    if outcomes is not None:
        from cascade.trace.labels import read_labels
        from cascade.trace.outcomes import write_outcomes

        labels = () if truth is None else read_labels(truth)
        rows = write_outcomes(read_events(path).events, outcomes, labels)
        click.echo(f"{rows} attempts written to {outcomes}")
    if otlp is not None:
        click.echo(f"{_sent(path, otlp)} spans sent to {otlp}")


def _sent(path: Path, url: str) -> int:
    from cascade.errors import UsageError
    from cascade.trace import read_trace

    try:
        from cascade.integrations.opentelemetry import export_otlp
    except ModuleNotFoundError as error:
        raise UsageError(f"`--otlp` needs {error.name}", hint="pip install 'cascade-router[otel]'") from error
    return export_otlp(read_trace(path, strict=False).events, url)
