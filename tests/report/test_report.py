"""Reports tell the trace's sums, on the page as in the table, and show nothing as markup that is text."""

from __future__ import annotations

from decimal import Decimal
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from cascade.graph import invoke
from cascade.models.scripted import Reply
from cascade.report import Tally
from cascade.report.html import page
from cascade.trace.events import AttemptStarted
from cascade.trace.ids import Scope
from cascade.trace.monitor import Monitor
from cascade.types import Usage
from tests.machine.doubles import BAD, GOOD, Machine, task


class Text(HTMLParser):
    """The words of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


async def ran() -> Machine:
    flash = [Reply(text=BAD, usage=Usage(input=1000, cached_input=250, output=10))]
    machine = Machine(flash=flash, pro=[GOOD])
    await invoke(machine.graph, task())
    return machine


async def test_the_tally_is_the_ledger() -> None:
    machine = await ran()
    tally = Tally.of(machine.sink.events)
    total = machine.ledger.total
    assert (tally.total.cost_usd, tally.total.usage) == (total.cost_usd, total.usage)
    assert (tally.tasks, tally.accepted, tally.total.attempts) == (1, 1, total.attempts)
    assert tally.tiers["flash"].cache_hit_ratio == 0.25


async def test_money_of_attempts_that_were_not_accepted_is_wasted_to_the_last_cent() -> None:
    machine = await ran()
    tally = Tally.of(machine.sink.events)
    flash, pro = tally.tiers["flash"], tally.tiers["pro"]
    assert flash.wasted_usd == flash.cost_usd > 0
    assert pro.wasted_usd == Decimal(0) < pro.cost_usd


async def test_a_call_without_an_end_is_money_of_unknown_fate() -> None:
    machine = await ran()
    scope = Scope.of_run().of_task("lost")
    begun = AttemptStarted(**scope.fields(), attempt=1, tier="pro", model="pro", reserved_usd=Decimal("0.5"))
    tally = Tally.of([*machine.sink.events, begun])
    assert tally.open_usd == Decimal("0.5")
    assert Decimal(tally.as_json()["unknown_usd"]) == Decimal("0.5")


async def test_the_page_shows_the_figures_of_the_tally() -> None:
    machine = await ran()
    tally = Tally.of(machine.sink.events)
    reader = Text()
    reader.feed(page(tally, Monitor.of(machine.sink.events), title="t"))
    words = " ".join(reader.words)
    for told in ("1 of 1", f"${tally.total.cost_usd:,.6f}", "flash", "pro", "words", "generate"):
        assert told in words, told


@given(st.text(max_size=60))
def test_a_title_is_text_never_markup(title: str) -> None:
    shown = page(Tally(), Monitor(), title=f"<script>{title}")
    assert "<script>" not in shown
