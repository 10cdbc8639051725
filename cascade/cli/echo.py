"""Printing of text that models, tools and servers wrote: a terminal is never driven by it."""

from __future__ import annotations

import sys

import click

from cascade.visible import visible


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """As `click.echo`, but on a terminal what would drive it is written out. A pipe gets the text as it is."""
    stream = sys.stderr if err else sys.stdout
    shown = str(text)
    click.echo(visible(shown) if stream.isatty() else shown, err=err, nl=nl)
