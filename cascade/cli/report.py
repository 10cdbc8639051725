"""`cascade report`: what a trace says about cost, outcome, latency and errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cascade.replay.checks_report import ChecksReport
    from cascade.report import Tally
    from cascade.trace.events import Event
    from cascade.trace.monitor import Monitor


@click.command()
@click.argument("trace_path", metavar="TRACE")
@click.option("--html", "html_path", metavar="FILE", help="Write a page with tables and a picture here.")
@click.option("--truth", "truth_path", metavar="FILE", help="What is true of the trace's answers (CSV).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else.")
def report(*, trace_path: str, html_path: str | None, truth_path: str | None, as_json: bool) -> int:
    """Show cost, outcome, latency, errors and cache hits of a trace, by node and tier."""
    from cascade.report import Tally
    from cascade.trace.monitor import Monitor
    from cascade.trace.reader import read_events

    log = read_events(trace_path)
    tally, monitor = Tally.of(log.events), Monitor.of(log.events)
    checks = _checks(trace_path, log.events, truth_path)
    if html_path is not None:
        from cascade.report.html import page
        from cascade.storage import write_atomic

        write_atomic(html_path, page(tally, monitor, title=f"cascade report: {trace_path}"), what="report")
    if as_json:
        learnt = {"checks": checks.document()} if checks is not None else {}
        click.echo(json.dumps(tally.as_json() | {"monitor": monitor.as_json()} | learnt))
    else:
        show(tally, monitor)
        for line in checks.words() if checks is not None else ():
            click.echo(line)
    for problem in log.problems:
        click.echo(f"note: {problem}", err=True)
    return 0


def _checks(path: str, events: Iterable[Event], truth: str | None) -> ChecksReport | None:
    """How often the checks err, where ground truth is labelled."""
    from cascade.replay.checks_report import checks_report
    from cascade.replay.read_trace import read_episodes
    from cascade.trace.events import OutcomeLabelled
    from cascade.trace.labels import read_labels

    if truth is None and not any(isinstance(event, OutcomeLabelled) for event in events):
        return None
    return checks_report(read_episodes(path, labels=() if truth is None else read_labels(truth)).table)


def show(tally: Tally, monitor: Monitor) -> None:
    """The tables on stdout."""
    from cascade.cli.screen import console
    from cascade.notices import notice_lines
    from cascade.report import tables

    out = console()
    out.print(tables.cost_table(tally))
    out.print(tables.outcome_line(tally), markup=False)
    total = tally.total
    if total.cache_hit_ratio is not None:
        out.print(f"cache hits: {total.cache_hit_ratio:.1%} of input tokens", markup=False)
    for line in tally.prefix.lines():
        out.print(line, markup=False)
    out.print(f"spent on attempts that were not accepted: {tables.usd(total.wasted_usd)}", markup=False)
    if tally.checks:
        out.print(tables.check_table(tally))
    out.print(tables.endpoint_table(monitor))
    out.print(tables.node_table(tally))
    said = [
        *notice_lines(tally.warnings.counted()),
        *tables.unchecked_lines(tally),
        *tables.judge_lines(tally),
    ]
    for line in [*tables.error_lines(tally.errors), *said]:
        out.print(line, markup=False)
    out.print("sandbox: " + (", ".join(tally.sandbox) or "none recorded"), markup=False)
