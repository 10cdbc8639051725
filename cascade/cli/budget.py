"""`cascade budget`: what stands in a budget file, and a new start for it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cascade.budget import Period


@click.group()
def budget() -> None:
    """Look at a budget file (`budget.file`), or reset it."""


@budget.command()
@click.argument("file", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def show(file: str, *, as_json: bool) -> None:
    """What was spent and is set aside in FILE, by day and in total."""
    from cascade.budget import periods

    found = periods(file)
    if as_json:
        click.echo(json.dumps({"file": file, "periods": [_document(each) for each in found]}))
    elif found:
        _say(found)
    else:
        click.echo(f"{file}: nothing was spent")


@budget.command()
@click.argument("file", type=click.Path())
@click.option("--period", metavar="total|YYYY-MM-DD", help="This one alone. Default: all of them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def reset(file: str, *, period: str | None, as_json: bool) -> None:
    """Forget what was spent in FILE, so that its limits begin anew. Refused while a run has money set aside."""
    from cascade import budget as books

    gone = books.reset(file, period=period)
    if as_json:
        click.echo(json.dumps({"file": file, "forgotten": [_document(each) for each in gone]}))
        return
    _say(gone)
    click.echo(f"{file}: reset; its limits begin anew")


def _document(period: Period) -> dict[str, Any]:
    return {
        "period": period.name,
        "spent_usd": str(period.spent_usd),
        "reserved_usd": str(period.reserved_usd),
        "lost_usd": str(period.lost_usd),
    }


def _say(periods: Iterable[Period]) -> None:
    from cascade.report.tables import usd

    for each in periods:
        line = f"{each.name}: {usd(each.spent_usd)} spent, {usd(each.reserved_usd)} set aside"
        if each.lost_usd:
            line += f", {usd(each.lost_usd)} of calls whose process died"
        click.echo(line)
