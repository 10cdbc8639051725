"""`cascade plugins`: what is installed beside the shipped parts, where from, and what ails it."""

from __future__ import annotations

import json

import click

from cascade.plugins import Plugin, survey


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def plugins(*, as_json: bool) -> None:
    """List installed plug-ins by kind, with their origin. Exit 1 if one of them does not load."""
    found = survey()
    if as_json:
        rows = [{name: getattr(each, name) for name in Plugin.__dataclass_fields__} for each in found]
        click.echo(json.dumps({"plugins": rows}))
    elif not found:
        click.echo("no plug-ins are installed; see docs/plugins.md for how to write one")
    else:
        for each in found:
            click.echo(_line(each))
    if any(each.fault for each in found):
        raise SystemExit(1)


def _line(plugin: Plugin) -> str:
    mark = click.style("broken", fg="red") if plugin.fault else click.style("ok", fg="green")
    origin = plugin.distribution or "unknown distribution"
    why = f"\n    {plugin.fault}" if plugin.fault else ""
    return f"{plugin.kind}  {plugin.name}  {mark}  {plugin.target}  ({origin}){why}"
