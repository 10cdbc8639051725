"""`cascade check CONFIG`: is the declared file right?"""

from __future__ import annotations

import click


@click.command()
@click.argument("config", type=click.Path(dir_okay=False))
def check(config: str) -> None:
    """Validate CONFIG and tell every mistake with file, line and column."""
    raise NotImplementedError(config)
