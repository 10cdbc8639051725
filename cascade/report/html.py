"""A tally as one HTML page that needs nothing else: figures, tables, and where each dollar went (inline SVG)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape as escape_html
from string import Template

from cascade.notices import notice_lines
from cascade.report.tables import usd
from cascade.report.tally import Tally, TierTally
from cascade.trace.monitor import QUANTILES, Monitor, quantile
from cascade.visible import visible

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>$title</title><style>
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#1c2330;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}.figures{display:flex;flex-wrap:wrap;gap:1rem}
.figures div{border:1px solid #d7dce4;border-radius:8px;padding:.6rem 1rem;min-width:8rem}
.figures b{display:block;font-size:1.3rem}table{border-collapse:collapse;width:100%}
th,td{padding:.3rem .6rem;border-bottom:1px solid #e5e8ee;text-align:right}
th:first-child,td:first-child{text-align:left}
tr.total{font-weight:600}.note{color:#5b6576}svg{width:100%;height:auto}
@media(prefers-color-scheme:dark){body{background:#14181f;color:#dfe4ec}.figures div,th,td{border-color:#333b48}
.note{color:#98a3b5}}
</style></head><body><h1>$title</h1>
<div class="figures">$figures</div>
<h2>Where each dollar went</h2>$picture
<h2>By tier</h2>$tiers
<h2>Checks</h2>$checks
<h2>Endpoints</h2>$endpoints
<h2>Time</h2>$times
$notes
</body></html>
""")


def escape(text: str) -> str:
    """The text for a page: no markup, and no character that changes how it reads."""
    return escape_html(visible(text))


_FATES = (
    ("accepted", "#2f9e6e"),
    ("not accepted", "#d9822b"),
    ("shadow", "#4c6ef5"),
    ("unknown fate", "#8a94a6"),
)
_WIDTH, _LABEL, _ROW = 900, 130, 34


def page(tally: Tally, monitor: Monitor, *, title: str) -> str:
    """The whole page as text. `title` is shown as it is, escaped."""
    return _PAGE.substitute(
        title=escape(title),
        figures=_figures(tally),
        picture=_picture(tally),
        tiers=_tiers(tally),
        checks=_checks(tally),
        endpoints=_endpoints(monitor),
        times=_times(tally),
        notes=_notes(tally),
    )


def _figures(tally: Tally) -> str:
    total = tally.total
    own = total.cost_usd - tally.shadow.cost_usd
    each = usd(own / tally.accepted) if tally.accepted else "none accepted"
    hits = "no input" if total.cache_hit_ratio is None else f"{total.cache_hit_ratio:.1%}"
    cards = [
        (f"{tally.accepted} of {tally.tasks}", "tasks accepted"),
        (usd(total.cost_usd, unpriced=total.unpriced), "in all"),
        (each, "for each accepted task"),
        (f"{total.attempts}", "attempts"),
        (hits, "of input tokens from cache"),
    ]
    return "".join(f"<div><b>{escape(value)}</b>{escape(name)}</div>" for value, name in cards)


def _picture(tally: Tally) -> str:
    """A bar a tier, split by what became of the money."""
    rows = [(name, _fates(tier, tally.shadows.get(name))) for name, tier in _by_name(tally).items()]
    most = max((sum(parts) for _, parts in rows), default=Decimal(0))
    if not most:
        return '<p class="note">Nothing was spent.</p>'
    bars = "".join(_bar(number, name, parts, most) for number, (name, parts) in enumerate(rows))
    legend = "".join(
        f'<rect x="{_LABEL + 170 * n}" y="4" width="12" height="12" fill="{color}"/>'
        f'<text x="{_LABEL + 18 + 170 * n}" y="14" font-size="13" fill="currentColor">{name}</text>'
        for n, (name, color) in enumerate(_FATES)
    )
    height = 30 + _ROW * len(rows)
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="USD by tier">{legend}{bars}</svg>'


def _by_name(tally: Tally) -> dict[str, TierTally]:
    """All tiers; one that only shadows called has sums of nothing."""
    return {**dict.fromkeys(tally.shadows, TierTally()), **tally.tiers}


def _fates(tier: TierTally, shadow: TierTally | None) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    beside = shadow or TierTally()
    unknown = tier.unknown_usd + beside.unknown_usd
    return tier.cost_usd - tier.wasted_usd, tier.wasted_usd, beside.cost_usd, unknown


def _bar(number: int, name: str, parts: Sequence[Decimal], most: Decimal) -> str:
    y, x = 28 + _ROW * number, float(_LABEL)
    drawn = [f'<text x="0" y="{y + 16}" font-size="14" fill="currentColor">{escape(name)}</text>']
    for part, (fate, color) in zip(parts, _FATES, strict=True):
        width = float(part / most) * (_WIDTH - _LABEL - 110)
        label = f"<title>{escape(name)}, {fate}: {usd(part)}</title>"
        drawn.append(
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="22" fill="{color}">{label}</rect>'
        )
        x += width
    drawn.append(
        f'<text x="{x + 8:.1f}" y="{y + 16}" font-size="13" fill="currentColor">{usd(sum(parts, Decimal(0)))}</text>'
    )
    return "".join(drawn)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], *, total: bool = False) -> str:
    body = ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    lines = [f"<tr>{cells}</tr>" for cells in body]
    if total and lines:
        lines[-1] = lines[-1].replace("<tr>", '<tr class="total">', 1)
    return f"<table><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>{''.join(lines)}</table>"


def _tiers(tally: Tally) -> str:
    head = (
        "tier",
        "attempts",
        "accepted",
        "failed calls",
        "input",
        "cached",
        "cache write",
        "output",
        "reasoning",
        "USD",
        "call s",
    )
    shadows = [(f"shadow: {name}", tier) for name, tier in tally.shadows.items()]
    rows = [*tally.tiers.items(), *shadows, ("total", tally.total)]
    cells = [
        (
            name,
            tier.attempts,
            tier.accepted,
            tier.errors,
            f"{tier.usage.input:,}",
            f"{tier.usage.cached_input:,}",
            f"{tier.usage.cache_write_tokens:,}",
            f"{tier.usage.output:,}",
            f"{tier.usage.reasoning:,}",
            usd(tier.cost_usd, unpriced=tier.unpriced),
            f"{tier.seconds:,.1f}",
        )
        for name, tier in rows
    ]
    return _table(head, cells, total=True)


def _checks(tally: Tally) -> str:
    if not tally.checks:
        return '<p class="note">No check ran.</p>'
    rows = []
    for name, check in tally.checks.items():
        ran = check.passed + check.failed + check.unchecked
        rows.append(
            (name, check.passed, check.failed, check.unchecked, f"{1000 * check.seconds / max(ran, 1):,.0f}")
        )
    return _table(("validator", "passed", "failed", "unchecked", "mean ms"), rows)


def _endpoints(monitor: Monitor) -> str:
    head, *rows = monitor.rows()
    return _table(head, rows)


def _times(tally: Tally) -> str:
    rows: list[tuple[str, str]] = [
        (f"node {name}", f"{s:,.2f} s in all") for name, s in tally.node_seconds.items()
    ]
    if tally.task_seconds:
        p50, p90, p99 = (quantile(tally.task_seconds, share) or 0.0 for share in QUANTILES)
        rows.append(("task, from start to end", f"median {p50:,.2f} s, p90 {p90:,.2f} s, p99 {p99:,.2f} s"))
    return _table(("what", "how long"), rows)


def _notes(tally: Tally) -> str:
    lines = [f"{count} calls failed with {code}" for code, count in tally.errors.items()]
    lines += notice_lines(tally.warnings.counted())
    if tally.open_attempts:
        lines.append(
            f"{len(tally.open_attempts)} calls have no end: up to {usd(tally.open_usd)} of unknown fate"
        )
    lines.append("sandbox: " + (", ".join(tally.sandbox) or "none recorded"))
    return "".join(f'<p class="note">{escape(line)}</p>' for line in lines)
