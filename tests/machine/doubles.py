"""A cascade of scripted models and scripted checks, with everything it wrote at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cascade.budget import Budget
from cascade.classifiers.rules import RulesClassifier
from cascade.forecast import Forecast, TierCost
from cascade.graph import Graph, compile_graph
from cascade.ledger import Ledger, Pricer, Tariff
from cascade.models.scripted import Answer, ScriptedModel
from cascade.nodes.services import Services, Tier
from cascade.policy.base import Policy
from cascade.policy.judge import Judge
from cascade.policy.threshold import ThresholdPolicy
from cascade.prices import Price, PriceOverride
from cascade.trace.sink import MemorySink
from cascade.types import Candidate, Diagnostic, History, Report, Task, Verdict

PRICES = {
    "flash": PriceOverride(input=Decimal("0.15"), cached_input=Decimal("0.003"), output=Decimal("0.60")),
    "pro": PriceOverride(input=Decimal("0.66"), cached_input=Decimal("0.022"), output=Decimal("1.98")),
}
GOOD = "```python\nright = True\n```"
BAD = "```python\nright = False\n```"


class WordChecks:
    """Passes answers that say `right = True`; `unchecked` if they say `unclear`."""

    names = ("words",)

    def __init__(self) -> None:
        self.seen: list[Candidate] = []

    async def check(self, task: Task, candidate: Candidate) -> Verdict:
        self.seen.append(candidate)
        text = "".join(candidate.files.values())
        if "unclear" in text:
            return Verdict.of([Report(name="words", status="unchecked", detail="no tool")])
        if "right = True" in text:
            return Verdict.of([Report(name="words", status="passed")])
        told = Diagnostic(message=f"wrong answer number {len(self.seen)}", path="solution.py", line=1)
        return Verdict.of([Report(name="words", status="failed", diagnostics=(told,))])


@dataclass(kw_only=True)
class Machine:
    """What a test builds and looks into."""

    flash: Sequence[Answer] = (GOOD,)
    pro: Sequence[Answer] = (GOOD,)
    policy: Policy = field(default_factory=lambda: ThresholdPolicy(0.0, default_attempts=2))
    history: History | None = None
    budget: Decimal | None = None
    per_task: Decimal | None = None
    seconds: float | None = None
    checks: WordChecks = field(default_factory=WordChecks)
    sink: MemorySink = field(default_factory=MemorySink)
    ledger: Ledger = field(default_factory=Ledger)
    judge: Judge | None = None

    def __post_init__(self) -> None:
        scripts: Mapping[str, Sequence[Answer]] = {"flash": self.flash, "pro": self.pro}
        self.models = {
            name: ScriptedModel(list(script), model=name, endpoint=name) for name, script in scripts.items()
        }
        self.run_budget = Budget(self.budget)
        self.services = Services(
            tiers={name: self._tier(name) for name in scripts},
            classifier=RulesClassifier(),
            policy=self.policy,
            checks=self.checks,
            forecast=Forecast(
                {name: TierCost(price=_now(price), max_output_tokens=500) for name, price in PRICES.items()}
            ),
            ledger=self.ledger,
            pricer=Pricer({name: Tariff(model=name, override=price) for name, price in PRICES.items()}),
            budget=self.run_budget,
            per_task_usd=self.per_task,
            per_task_s=self.seconds,
            sink=self.sink,
            judge=self.judge,
            feedback=lambda verdict: "\n".join(found.message for found in verdict.diagnostics),
        )
        self.graph: Graph = compile_graph(self.services)

    def _tier(self, name: str) -> Tier:
        return Tier(
            name=name,
            model=self.models[name],
            model_name=name,
            endpoint=name,
            max_output_tokens=500,
            retry_history=self.history or "diagnostics",
            escalation_history=self.history or "none",
        )

    def events(self, kind: str) -> list[object]:
        """The trace's events of one kind."""
        return [event for event in self.sink.events if event.event == kind]


def _now(price: PriceOverride) -> Callable[[], Price]:
    return lambda: price.price("2026-11-23")


def task(**more: object) -> Task:
    """A task that expects code."""
    return Task(prompt="Write it.", **{"id": "t1", "target": "solution.py", **more})  # type: ignore[arg-type]
