"""A tally as tables for a terminal (rich)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from rich.table import Table

from cascade.report.tally import Tally, TierTally
from cascade.trace.monitor import Monitor

_COLUMNS = ("attempts", "accepted", "input", "cached", "cache write", "output", "reasoning", "USD", "call s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What another policy did on the same tasks: shown as a row beside the table."""

    name: str
    tally: Tally


def usd(amount: Decimal, *, unpriced: int = 0) -> str:
    """Money with digits enough to tell a Flash call; a sum without some prices says so."""
    text = f"${amount:,.6f}" if abs(amount) < 1 else f"${amount:,.2f}"
    return f"{text} + {unpriced} unpriced" if unpriced else text


def cost_table(tally: Tally, *, compare: Iterable[Comparison] = ()) -> Table:
    """Tier, attempts, accepted, tokens by class, USD, seconds; shadows; a total; then what others did instead."""
    table = Table(title=None, pad_edge=False)
    table.add_column("tier")
    total = tally.total
    writes = total.usage.cache_write_tokens > 0
    for name in _COLUMNS:
        if writes or name != "cache write":
            table.add_column(name, justify="right")
    for name, tier in tally.tiers.items():
        table.add_row(name, *_cells(tier, writes=writes))
    for name, tier in tally.warm.items():
        table.add_row(f"warm: {name}", *_cells(tier, writes=writes))
    for name, tier in tally.shadows.items():
        table.add_row(f"shadow: {name}", *_cells(tier, writes=writes))
    table.add_section()
    table.add_row("total", *_cells(total, writes=writes), style="bold")
    others = list(compare)
    if others:
        table.add_section()
    for other in others:
        table.add_row(other.name, *_cells(other.tally.total, writes=writes), style="dim")
    return table


def _cells(tier: TierTally, *, writes: bool) -> tuple[str, ...]:
    written = (f"{tier.usage.cache_write_tokens:,}",) if writes else ()
    return (
        f"{tier.attempts:,}",
        f"{tier.accepted:,}",
        f"{tier.usage.input:,}",
        f"{tier.usage.cached_input:,}",
        *written,
        f"{tier.usage.output:,}",
        f"{tier.usage.reasoning:,}",
        usd(tier.cost_usd, unpriced=tier.unpriced),
        f"{tier.seconds:,.1f}",
    )


def outcome_line(tally: Tally) -> str:
    """How the tasks ended, and what a solved one cost."""
    parts = [f"{count} {status}" for status, count in tally.statuses.most_common()]
    total, shadow = tally.total, tally.shadow
    line = f"{tally.tasks} tasks: {', '.join(parts) or 'none ended'}"
    if tally.accepted:
        line += f"; {usd((total.cost_usd - shadow.cost_usd) / tally.accepted)} for each accepted"
    if tally.sampled or shadow.attempts:
        line += f"; {usd(shadow.cost_usd)} beside for shadows of {tally.sampled} tasks"
        line += "".join(f", {count} not made ({code})" for code, count in tally.skipped.items())
    if total.unknown_usd or tally.open_attempts:
        line += f"; up to {usd(total.unknown_usd + tally.open_usd)} more of unknown fate"
    return line


def check_table(tally: Tally) -> Table:
    """Validator, verdicts, seconds."""
    table = Table(pad_edge=False)
    table.add_column("validator")
    for name in ("passed", "failed", "unchecked", "mean ms"):
        table.add_column(name, justify="right")
    for name, check in tally.checks.items():
        ran = check.passed + check.failed + check.unchecked
        mean = 1000 * check.seconds / ran if ran else 0.0
        table.add_row(name, str(check.passed), str(check.failed), str(check.unchecked), f"{mean:,.0f}")
    return table


def node_table(tally: Tally) -> Table:
    """Node and its seconds in all."""
    table = Table(pad_edge=False)
    table.add_column("node")
    table.add_column("seconds", justify="right")
    for name, seconds in tally.node_seconds.items():
        table.add_row(name, f"{seconds:,.3f}")
    return table


def error_lines(errors: Mapping[str, int], told: Mapping[str, str] | None = None) -> list[str]:
    """Failures by code, with the message of one of them where it is known."""
    lines = []
    for code, count in errors.items():
        message = (told or {}).get(code, "")
        lines.append(f"{count}x {code}" + (f": {message}" if message else ""))
    return lines


def warning_counts(tally: Tally) -> list[str]:
    """Warnings that came more than once; their words were said with the first."""
    return [
        f"{count}x warning {notice.code} ({notice.subject})"
        for notice, count in tally.warnings.counted()
        if count > 1
    ]


def unchecked_lines(tally: Tally) -> list[str]:
    """Why validators could not check, once each."""
    return [
        f"{name} could not check {count}x: {why or 'no reason given'}"
        for name, check in tally.checks.items()
        for why, count in check.why_unchecked.most_common(3)
    ]


def judge_lines(tally: Tally) -> list[str]:
    """How the judges found the answers."""
    return [
        f"{name} judged {one.answers} answers, mean {one.sum_p / one.answers:.2f} likely right, "
        f"{one.below} too unlikely to be accepted"
        for name, one in tally.judges.items()
    ]


def endpoint_table(monitor: Monitor) -> Table:
    """How each endpoint did: requests, retries, errors, latency, cache hits, USD."""
    head, *rows = monitor.rows()
    table = Table(pad_edge=False)
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    return table
