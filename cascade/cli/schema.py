"""`cascade schema`: the JSON Schema of the config file."""

from __future__ import annotations

import click


@click.command()
def schema() -> None:
    """Print the JSON Schema of the config file, for editors."""
    raise NotImplementedError
