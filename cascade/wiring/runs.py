"""What belongs to one run of a cascade. All else is shared by the runs that a config has, one in each process."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypedDict

from cascade.background import BackgroundLoop
from cascade.budget import Budget, Spent, open_budget
from cascade.config import Config
from cascade.forecast import Forecast
from cascade.ledger import Ledger
from cascade.nodes.shadowing import Shadows
from cascade.runtrace import RunFacts, RunTrace
from cascade.trace.ids import Scope
from cascade.uses import Uses
from cascade.wiring.shadows import shadows
from cascade.wiring.sinks import sink_opener

_ID_DIGITS = 8  # of the run id, in the name of a forked process's trace


class RunParts(TypedDict):
    """Fields of `Services` that belong to one run."""

    ledger: Ledger
    budget: Budget
    sink: RunTrace
    run: Scope
    shadows: Shadows | None
    draw: Callable[[], float]
    background: BackgroundLoop
    uses: Uses


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """How a run of the config is opened."""

    config: Config
    """What the run is of."""
    facts: RunFacts
    """What its trace says of it first."""
    path: Path | None
    """Its trace: a file, a folder that gets a file for each run, or None."""
    forecast: Callable[[], Forecast]
    """Makes the forecast of its shadows."""
    spent: Spent
    """What counts against its budgets before it begins."""
    seed: int | None = None
    """Fixes what exploration draws."""

    def opened(self, *, forked: bool = False) -> RunParts:
        """A run that has not begun. A forked process writes beside its parent's trace, and draws by itself."""
        ledger, scope = Ledger(), Scope.of_run()
        path = _beside(self.path, scope) if forked else self.path
        seed = f"{self.seed} {scope.run_id}" if forked and self.seed is not None else self.seed
        return RunParts(
            ledger=ledger,
            budget=_budget(self.config, self.spent.tasks_usd),
            sink=RunTrace(open=sink_opener(self.config, path), facts=self.facts, ledger=ledger, scope=scope),
            run=scope,
            shadows=shadows(self.config, self.forecast(), spent=self.spent.shadows_usd),
            draw=random.Random(seed).random,  # noqa: S311  (exploration, not secrecy)
            background=BackgroundLoop(),
            uses=Uses(),
        )


def _beside(path: Path | None, scope: Scope) -> Path | None:
    """A file of this run's own beside the one named; a folder gives each run its own by itself."""
    if path is None or path.is_dir() or not path.suffix:
        return path
    return path.with_name(f"{path.stem}-{scope.run_id[:_ID_DIGITS]}{path.suffix}")


def _budget(config: Config, spent: Decimal) -> Budget:
    wanted = config.budget
    return open_budget(wanted.total_usd, per_day=wanted.per_day_usd, file=wanted.file, spent=spent)
