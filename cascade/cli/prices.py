"""`cascade prices [MODEL] [--at TIME]`: the price in force, and who says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cascade.prices import Price


def _moment(_: click.Context, __: click.Parameter, value: str | None) -> datetime:
    if value is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a time; write it like 2026-11-23T02:00+08:00") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@click.command()
@click.argument("model", required=False)
@click.option(
    "--at",
    metavar="TIME",
    callback=_moment,
    help="When the request is sent (ISO 8601; UTC without a zone). Default: now.",
)
@click.option(
    "--provider", help="Whose price, where several sell the model (a provider's id of genai-prices)."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def prices(*, model: str | None, at: datetime, provider: str | None, as_json: bool) -> None:
    """The price in force for MODEL, per 1M tokens, with its source. Without MODEL: the default tiers' models."""
    from cascade.prices import PriceBook

    book = PriceBook()
    if model is not None:
        found = {model: book.lookup(model, at, provider=provider)}
    else:
        names = [name for name in book.table.models_named() if book.table.retirement(name, at) is None]
        found = {name: book.lookup(name, at) for name in names if book.table.knows(name, at)}
    documents = [_document(name, at, price) for name, price in found.items()]
    if as_json:
        click.echo(json.dumps(documents[0] if model is not None else {"prices": documents}))
        return
    _show(documents)


def _document(model: str, at: datetime, price: Price) -> dict[str, Any]:
    document: dict[str, Any] = {
        "model": model,
        "at": at.isoformat(),
        "input": float(price.input),
        "cached_input": float(price.cached_input),
        "cache_write": None if price.cache_write is None else float(price.cache_write),
        "output": float(price.output),
        "currency": price.currency,
        "source": price.source,
        "as_of": price.as_of,
        "version": price.version,
        "note": price.note,
    }
    if price.steps:
        document["steps"] = [
            {"above_input_tokens": above, "input": float(step.input), "output": float(step.output)}
            for above, step in price.steps
        ]
    return document


def _show(documents: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from cascade.cli.screen import console as safe_console

    console = safe_console()
    if not documents:
        console.print("No price is known for that time.")
        return
    table = Table(
        title=f"{documents[0]['currency']} per 1M tokens at {documents[0]['at']}", title_justify="left"
    )
    table.add_column("model", no_wrap=True)
    for column in ("input", "cached", "output"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("note")
    for each in documents:
        table.add_row(
            each["model"], *(f"{each[name]:g}" for name in ("input", "cached_input", "output")), each["note"]
        )
    console.print(table)
    for source in dict.fromkeys(f"{each['source']}, read {each['as_of']}" for each in documents):
        console.print(f"source: {source}", soft_wrap=True, highlight=False)
