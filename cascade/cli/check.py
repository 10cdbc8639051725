"""`cascade check CONFIG`: is the declared file right?"""

from __future__ import annotations

import json

import click

from cascade.config import load
from cascade.errors import ConfigError


@click.command()
@click.argument("config", type=click.Path())
@click.option("--no-env", is_flag=True, help="Do not ask for environment variables and recordings.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def check(config: str, *, no_env: bool, as_json: bool) -> None:
    """Validate CONFIG and tell every mistake with file, line and column. Exit 0: right; 2: wrong."""
    try:
        loaded = load(config, need_env=not no_env)
    except ConfigError as error:
        if as_json:
            problems = list(error.problems or (error.message,))
            click.echo(json.dumps({"config": config, "ok": False, "problems": problems}))
            raise SystemExit(error.exit_code) from error
        raise
    if as_json:
        document = {"config": config, "ok": True, "problems": [], "sha256": loaded.sha256}
        click.echo(json.dumps(document))
    else:
        click.echo(f"{config}: fine: {' > '.join(loaded.tier_names)}")
