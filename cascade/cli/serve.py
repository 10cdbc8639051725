"""`cascade serve`: an OpenAI-compatible endpoint."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import click

KEY_VARIABLE = "CASCADE_SERVE_KEY"


@click.command()
@click.option("-c", "--config", "config_path", type=click.Path(path_type=Path), help="The config file.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, help="The port; 0 takes a free one.")
@click.option("--model", default="cascade", show_default=True, help="The model name that clients ask for.")
@click.option("--validators", help="Checks for conversations that name none, separated by commas.")
@click.option("--trace", type=click.Path(path_type=Path), help="Where to write the trace.")
@click.option("--max-concurrency", default=256, show_default=True, help="Requests at once; more get 429.")
@click.option("--max-body-mb", default=16.0, show_default=True, help="Size of a request; more gets 413.")
@click.option("--no-auth", is_flag=True, help="Ask for no key (on loopback only).")
def serve(*, config_path: Path | None, trace: Path | None, no_auth: bool, **asked: object) -> None:
    """Serve a cascade as an OpenAI-compatible endpoint until it is interrupted.

    Clients show the key of the environment variable CASCADE_SERVE_KEY; if that is not set, one is made and said.
    """
    from cascade.api import Cascade
    from cascade.cli.echo import echo
    from cascade.errors import UsageError
    from cascade.models.spec import Secret

    try:
        from cascade.server import ServerOptions
        from cascade.server import serve as run
    except ModuleNotFoundError as error:
        raise UsageError(
            f"`cascade serve` needs {error.name}", hint="pip install 'cascade-router[serve]'"
        ) from error

    given = os.environ.get(KEY_VARIABLE, "")
    key = None if no_auth else given or secrets.token_urlsafe(24)
    checks = asked["validators"]
    options = ServerOptions(
        model=str(asked["model"]),
        key=None if key is None else Secret(key),
        validators=None if checks is None else tuple(str(checks).replace(",", " ").split()),
        host=str(asked["host"]),
        port=int(str(asked["port"])),
        max_body_bytes=int(float(str(asked["max_body_mb"])) * 1024 * 1024),
        max_concurrency=int(str(asked["max_concurrency"])),
    )
    cascade = (
        Cascade.default(trace=trace) if config_path is None else Cascade.from_file(config_path, trace=trace)
    )

    def announce(port: int) -> None:
        click.echo(f"serving {' > '.join(cascade.tiers)} at http://{options.host}:{port}/v1", err=True)
        if key is None:
            click.echo("  no key is asked for", err=True)
        else:
            said = f"the one of {KEY_VARIABLE}" if given else f"{key}  (set {KEY_VARIABLE} to choose it)"
            click.echo(f"  key: {said}", err=True)

    cascade.notices.listen(lambda notice: echo(f"warning: {notice.text}", err=True))
    run(cascade, options, announce=announce)
