"""`cascade trace label TRACE TRUTH`: what is true of the answers, appended to the trace."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cascade.cli.signing import signing_key, signing_key_option


@click.command()
@click.argument("path", metavar="TRACE", type=click.Path(path_type=Path))
@click.argument("truth_path", metavar="TRUTH", type=click.Path(path_type=Path))
@click.option("--source", default="", help="Where the truth comes from, kept with every label.")
@signing_key_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def label(*, path: Path, truth_path: Path, source: str, signing_key_env: str | None, as_json: bool) -> None:
    """Append the ground truth in TRUTH (a CSV: task_id, outcome, perhaps model, attempt, run_id) to TRACE.

    Without model and attempt it is the truth about the answer that was given back. Nothing is appended if a row
    fits no answer; rows that the trace holds already are left, so that the command can be repeated.
    """
    from cascade.trace.labelling import label_trace
    from cascade.trace.labels import read_labels

    done = label_trace(path, read_labels(truth_path), source=source, signing_key=signing_key(signing_key_env))
    if as_json:
        click.echo(json.dumps({"added": done.added, "changed": done.changed, "known": done.known}))
        return
    told = [f"{done.added} answers labelled in {path}"]
    told += [f"{done.changed} labels changed"] if done.changed else []
    told += [f"{done.known} were there already"] if done.known else []
    click.echo("; ".join(told))
