"""The goals on outcome tables: any table in the format of the outcome table documentation can be put to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.routing.trials import Answer, Outline, ask, fixed_pair, pair_of
from cascade.cli.train_log import read_texts
from cascade.errors import CascadeError
from cascade.policy.steps import Verifier
from cascade.replay.prepare import priced, without_price
from cascade.replay.read_table import read_table
from cascade.replay.table import OutcomeTable
from cascade.tuning.families import Space
from cascade.tuning.texts import Texts

VERIFIERS = (Verifier(0.95, 0.90), Verifier(0.90, 0.70))
NAMED_PAIRS = (("minimax-m2", "claude-4.5-opus"), ("o4-mini", "gpt-5"))


def table_goals(path: Path, *, costs: dict[str, float], seeds: int) -> Iterator[Answer | str]:
    """All goals that a table can answer; a line of words for those that it cannot."""
    try:
        table = priced(read_table(path), costs)
    except CascadeError as error:
        yield f"{path}: {error}"
        return
    table = table.columns([table.first(tier) for tier in table.tiers])
    unpriced = without_price(table)
    if len(unpriced) > len(table.tiers) - 2:
        yield f"{path}: no costs for {', '.join(unpriced)}: goals in USD need --cost TIER=USD"
        return
    if unpriced:
        table = table.only([tier for tier in table.tiers if tier not in unpriced])
        yield f"{path}: no costs for {', '.join(unpriced)}: left out"
    yield from _goals(table, texts_beside(path, table), seeds)


def texts_beside(path: Path, table: OutcomeTable) -> Texts | None:
    """The texts of a table's tasks, where a file of them lies beside it."""
    beside = path.parent / "tasks.jsonl.gz"
    if not beside.exists():
        return None
    tasks = read_texts(str(beside))
    return Texts({name: tasks[name] for name in table.tasks if name in tasks})


def _goals(table: OutcomeTable, texts: Texts | None, seeds: int) -> Iterator[Answer | str]:
    best = _best(table)
    names = " ".join(table.tiers)
    name = f"all of {names}, perfect verifier"
    yield ask(table, Outline(name=name, reference=best, seeds=seeds, space=Space(texts=texts)))
    cheap = _cheap_for(table, best)
    for verifier in VERIFIERS:
        if cheap is None:
            break
        two = pair_of(table, cheap, best)
        shown = f"{verifier.accept:.0%}/{verifier.reject:.0%} verifier"
        space = Space(verifier=verifier, texts=texts)
        answer = ask(
            two, Outline(name=f"{cheap} > {best}, {shown}", reference=best, seeds=seeds, space=space)
        )
        yield answer
        most = max(answer.chosen, key=lambda name: answer.chosen[name])
        if most == best:
            yield f"  with a {shown} no cascade of {cheap} and {best} helps: use {best} alone"
    for weak, strong in _losing_pairs(table):
        success, cost = fixed_pair(table, weak, strong)
        own = table.mean_cost(table.first(strong))
        yield f"{weak} > {strong} as a fixed cascade: {success:.4f} at {cost / own:.3f} of {strong}'s cost"
        name, space = f"{weak} and {strong} offered", Space(texts=texts)
        outline = Outline(name=name, reference=strong, seeds=seeds, confidence=0.9, space=space)
        yield ask(pair_of(table, weak, strong), outline)


def _rate(table: OutcomeTable, tier: str) -> float:
    return float(np.nanmean(table.outcome[:, table.first(tier)]))


def _best(table: OutcomeTable) -> str:
    return max(table.tiers, key=lambda tier: _rate(table, tier))


def _cheap_for(table: OutcomeTable, best: str) -> str | None:
    """The tier that spares most before the best one: highest P(pass) less its share of the best's cost."""
    own = table.mean_cost(table.first(best))
    others = [tier for tier in table.tiers if tier != best]
    return max(
        others, key=lambda tier: _rate(table, tier) - table.mean_cost(table.first(tier)) / own, default=None
    )


def _losing_pairs(table: OutcomeTable) -> list[tuple[str, str]]:
    """Pairs whose fixed cascade is dearer than its strong tier: those named in the goals, else the first two."""
    found = []
    for place, weak in enumerate(table.tiers):
        for strong in table.tiers[place + 1 :]:
            if _rate(table, strong) <= _rate(table, weak):
                continue
            if fixed_pair(table, weak, strong)[1] > table.mean_cost(table.first(strong)):
                found.append((weak, strong))
    named = [pair for pair in NAMED_PAIRS if pair in found]
    return named or found[:2]
