"""`cascade schema`: the JSON Schema of the config file."""

from __future__ import annotations

import json

import click

from cascade.config import json_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema of the config file, for editors."""
    click.echo(json.dumps(json_schema(), indent=2))
