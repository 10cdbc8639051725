"""The key that signs a trace, taken from an environment variable so that it stands in no command line."""

from __future__ import annotations

import os

import click

from cascade.errors import UsageError

signing_key_option = click.option(
    "--signing-key-env",
    metavar="NAME",
    help="The environment variable with the key that signs the trace's lines (`trace.signing_key`).",
)


def signing_key(variable: str | None) -> bytes | None:
    """The key's bytes; None without a variable. Raises UsageError if the variable is not set."""
    if variable is None:
        return None
    value = os.environ.get(variable, "")
    if not value:
        raise UsageError(
            f"`--signing-key-env {variable}`: the environment variable is not set, or empty",
            hint=f"export {variable} with the key that `trace.signing_key` had when the trace was written",
        )
    return value.encode()
