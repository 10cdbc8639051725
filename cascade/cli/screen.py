"""What a terminal shows while work goes on: progress on stderr, so that stdout stays clean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segment

from cascade.notices import Notice
from cascade.report import Tally
from cascade.report.tables import usd
from cascade.visible import visible

WIDTH_WITHOUT_TERMINAL = 110


class SafeConsole(Console):
    """A console on which no text that is printed drives the terminal; styles and the bar's own moves do."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def console(*, stderr: bool = False) -> Console:
    """A console that does not break tables where its width is not known."""
    made = SafeConsole(stderr=stderr, highlight=False)
    if not made.is_terminal:
        made = SafeConsole(stderr=stderr, highlight=False, width=WIDTH_WITHOUT_TERMINAL)
    return made


class Live:
    """A bar on a terminal; elsewhere a line for every tenth of the tasks."""

    def __init__(self, total: int | None, *, label: str, quiet: bool = False) -> None:
        self._console = console(stderr=True)
        self._total = total
        self._label = label
        self._quiet = quiet
        self._done = 0
        self._progress: Progress | None = None

    @contextmanager
    def shown(self) -> Iterator[Live]:
        """Show it while the block runs."""
        if self._quiet or not self._console.is_terminal:
            yield self
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figures]}"),
        )
        with Progress(*columns, console=self._console, transient=True) as self._progress:
            self._task = self._progress.add_task(self._label, total=self._total, figures="")
            yield self
        self._progress = None

    def update(self, tally: Tally, *, done: int) -> None:
        """Show how far it is."""
        self._done = done
        if self._progress is not None:
            self._progress.update(self._task, completed=done, figures=_figures(tally))
        elif not self._quiet and self._is_milestone(done):
            of = f"/{self._total}" if self._total else ""
            self._console.print(f"{self._label} {done}{of}  {_figures(tally)}")

    def say(self, text: str) -> None:
        """One line above the bar."""
        if not self._quiet:
            self._console.print(text, markup=False)

    def warn(self, notice: Notice) -> None:
        """A warning, once each, whatever else is shown."""
        self._console.print(f"warning: {notice.text}", markup=False, soft_wrap=not self._console.is_terminal)

    def _is_milestone(self, done: int) -> bool:
        step = max(1, (self._total or 100) // 10)
        return done > 0 and (done % step == 0 or done == self._total)


def _figures(tally: Tally) -> str:
    total = tally.total
    tiers = " ".join(f"{name} {tier.attempts}" for name, tier in tally.tiers.items())
    return f"accepted {tally.accepted}  {tiers}  {usd(total.cost_usd)}"
