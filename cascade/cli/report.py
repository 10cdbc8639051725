"""`cascade report`: what a trace says about cost, outcome, latency and errors."""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("trace_path", metavar="TRACE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else.")
def report(*, trace_path: str, as_json: bool) -> int:
    """Show cost, outcome, latency, errors and cache hits of a trace, by node and tier."""
    from cascade.report import Tally
    from cascade.trace.reader import read_trace

    log = read_trace(trace_path)
    tally = Tally.of(log.events)
    if as_json:
        click.echo(json.dumps(tally.as_json()))
    else:
        show(tally)
    for problem in log.problems:
        click.echo(f"note: {problem}", err=True)
    return 0


def show(tally: object) -> None:
    """The tables on stdout."""
    from cascade.cli.screen import console
    from cascade.report import Tally, tables

    assert isinstance(tally, Tally)
    out = console()
    out.print(tables.cost_table(tally))
    out.print(tables.outcome_line(tally), markup=False)
    total = tally.total
    if total.cache_hit_ratio is not None:
        out.print(f"cache hits: {total.cache_hit_ratio:.1%} of input tokens", markup=False)
    out.print(f"spent on attempts that were not accepted: {tables.usd(total.wasted_usd)}", markup=False)
    if tally.checks:
        out.print(tables.check_table(tally))
    out.print(tables.node_table(tally))
    for line in [*tables.error_lines(tally.errors), *tables.unchecked_lines(tally)]:
        out.print(line, markup=False)
    out.print("sandbox: " + (", ".join(tally.sandbox) or "none recorded"), markup=False)
