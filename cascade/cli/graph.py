"""`cascade graph`: draw the graph that a config runs."""

from __future__ import annotations

import click


@click.command()
@click.argument("config_path", metavar="CONFIG")
def graph(*, config_path: str) -> int:
    """Draw the graph that CONFIG runs, as Mermaid."""
    from cascade.api import Cascade
    from cascade.config import load
    from cascade.plugins import installed

    config = load(config_path, need_env=False, plugins=installed())
    click.echo(Cascade.from_config(config).graph.get_graph().draw_mermaid())
    return 0
