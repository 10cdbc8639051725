"""`cascade doctor`: what this machine can isolate and check with, what is missing, and how to get it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from cascade.validators.checkup import Finding, examine

MARKS = {"ok": ("ok", "green"), "missing": ("missing", "yellow"), "broken": ("broken", "red")}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def doctor(*, as_json: bool) -> None:
    """Probe every sandbox layer and tool. Exit 0: model-written code can be executed safely; 1: it cannot."""
    findings = examine()
    safe = any(finding.isolates for finding in findings)
    if as_json:
        document = {
            "isolates": safe,
            "python": sys.version.split()[0],
            "findings": [asdict(finding) for finding in findings],
        }
        click.echo(json.dumps(document))
    else:
        _show(findings, safe=safe)
    raise SystemExit(0 if safe else 1)


def _show(findings: list[Finding], *, safe: bool) -> None:
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        text, colour = MARKS[finding.state]
        click.echo(f"{finding.name:<{width}}  " + click.style(f"{text:<8}", fg=colour) + finding.detail)
        if finding.advice:
            click.echo(" " * (width + 2) + f"        {finding.advice}")
    if safe:
        click.echo("model-written code is executed here, inside: " + _strongest(findings))
    else:
        click.echo("model-written code is not executed here: nothing isolates (static checks still run)")


def _strongest(findings: list[Finding]) -> str:
    return next((finding.detail for finding in findings if finding.isolates), "")
