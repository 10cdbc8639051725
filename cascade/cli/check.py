"""`cascade check CONFIG`: is the declared file right?"""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from cascade.config import Config, load
from cascade.config.document import Place, Problem
from cascade.config.load import placed_error
from cascade.errors import ConfigError, PriceError


@click.command()
@click.argument("config", type=click.Path())
@click.option("--no-env", is_flag=True, help="Do not ask for environment variables and recordings.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def check(config: str, *, no_env: bool, as_json: bool) -> None:
    """Validate CONFIG and tell every mistake with file, line and column. Exit 0: right; 2: wrong."""
    try:
        loaded = _checked(config, need_env=not no_env)
    except ConfigError as error:
        if not as_json:
            raise
        problems = list(error.problems or (error.message,))
        click.echo(json.dumps({"config": config, "ok": False, "problems": problems}))
        raise SystemExit(error.exit_code) from error
    if as_json:
        click.echo(json.dumps({"config": config, "ok": True, "problems": [], "sha256": loaded.sha256}))
    else:
        click.echo(f"{config}: fine: {' > '.join(loaded.tier_names)}")


def _checked(path: str, *, need_env: bool) -> Config:
    loaded = load(path, need_env=need_env)
    problems = list(_prices(loaded))
    if problems:
        raise placed_error(path, problems)
    return loaded


def _prices(config: Config) -> Iterator[Problem]:
    """An unknown price is told before the first call, and so is a model that was retired."""
    from cascade.prices import PriceBook

    book = PriceBook()
    for name, tier in config.tiers.items():
        for index, endpoint in enumerate(tier.endpoints):
            # A plug-in may price itself; a variable that is not filled in names no model.
            if (
                endpoint.price != "auto"
                or endpoint.provider not in {"openai", "recorded"}
                or "${" in endpoint.model
            ):
                continue
            try:
                book.lookup(endpoint.model)
            except PriceError as error:
                place: Place = ("tiers", name, *(("fallbacks", index - 1) if index else ()), "model")
                yield Problem(place, error.message, error.hint)
