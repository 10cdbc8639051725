"""`cascade graph`: draw the graph that a config runs, or write it out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cascade.config import Config
    from cascade.diagram import Figures


@click.command()
@click.argument("config_path", metavar="CONFIG", type=click.Path(path_type=Path))
@click.option(
    "--expand", is_flag=True, help="Write the config with its graph, as YAML that behaves the same."
)
@click.option("--format", "form", type=click.Choice(["mermaid", "png", "yaml"]), default="mermaid")
@click.option("--trace", type=click.Path(path_type=Path), help="Lay a trace's figures over the drawing.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here instead of stdout.")
def graph(*, config_path: Path, expand: bool, form: str, trace: Path | None, output: Path | None) -> None:
    """Draw the graph that CONFIG runs."""
    from cascade.config import installed, load

    config = load(config_path, need_env=False, plugins=installed())
    content = _content(config, "yaml" if expand else form, trace)
    if output is not None:
        output.write_bytes(content)
    else:
        click.echo(content, nl=False)


def _content(config: Config, form: str, trace: Path | None) -> bytes:
    if form == "yaml":
        from cascade.config import to_yaml

        return to_yaml(config.expanded()).encode()
    declared = config.expanded().graph
    assert declared is not None, "an expanded config has its graph"
    figures = None if trace is None else _figures(config, trace)
    if form == "png":
        from cascade.diagram.image import png

        return png(declared, figures, shadow=config.shadow)
    from cascade.diagram import mermaid

    return (mermaid(declared, figures, shadow=config.shadow) + "\n").encode()


def _figures(config: Config, trace: Path) -> Figures:
    from cascade.diagram import Figures
    from cascade.trace import read_trace

    declared = config.expanded().graph
    assert declared is not None, "an expanded config has its graph"
    figures = Figures.of(declared, read_trace(trace, strict=False).events)
    if figures.lost:
        click.echo(f"{figures.lost} of {figures.tasks} tasks went another way than this graph's", err=True)
    return figures
