"""`cascade init`: start a project."""

from __future__ import annotations

import click


@click.command()
@click.argument("folder", type=click.Path(file_okay=False), default=".")
def init(folder: str) -> None:
    """Start a project in FOLDER: a config, a task, and its test. Nothing that exists is overwritten."""
    raise NotImplementedError(folder)
