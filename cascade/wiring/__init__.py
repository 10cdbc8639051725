"""The composition root: a `Config` becomes the objects that run. Nothing else knows every room."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Protocol

from cascade.budget import Budget, Spent, open_budget
from cascade.config import Config
from cascade.config.graph import GraphConfig
from cascade.forecast import Forecast
from cascade.ledger import Ledger, Pricer
from cascade.models.base import Model
from cascade.models.early import StopRules
from cascade.nodes.services import Checks, Services
from cascade.prices import PriceBook
from cascade.prompting import DEFAULT_SYSTEM_PROMPT
from cascade.runtrace import RunFacts, RunTrace
from cascade.trace.reader import read_trace
from cascade.types import Verdict
from cascade.validators import feedback
from cascade.validators.order import Experience, learn
from cascade.validators.project import Project
from cascade.validators.sandbox import Limits, open_sandbox
from cascade.validators.suite import Suite
from cascade.wiring.conversation import ConversationChecks
from cascade.wiring.graphs import Nested, functions, node_policies
from cascade.wiring.parts import classifier, judge, policy, typical_output, validators
from cascade.wiring.shadows import shadows
from cascade.wiring.sinks import sink_opener
from cascade.wiring.tiers import tariffs, tier, tier_cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking:
    """The checks of a cascade and what isolates them. `owned` are closed with it; shared ones are not."""

    checks: Checks
    layers: tuple[str, ...] = ()
    owned: tuple[Closable, ...] = ()

    async def aclose(self) -> None:
        """End every tool and remove every workspace."""
        for part in self.owned:
            await part.aclose()


class Closable(Protocol):
    """Something to be closed."""

    async def aclose(self) -> None:
        """Release what is held. May be called more than once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """A cascade's parts: what the nodes use, and what has to be closed."""

    services: Services
    trace: RunTrace
    checking: Checking
    graph: GraphConfig | None = None
    nested: tuple[Wired, ...] = ()

    @property
    def graphs(self) -> tuple[GraphConfig | None, ...]:
        """The declared graph, and those of the configs that its subgraph nodes name."""
        return (self.graph, *(graph for inner in self.nested for graph in inner.graphs))

    async def aclose(self) -> None:
        """End the run's trace, close connections, tools and the sandbox."""
        try:
            self.trace.close()
        finally:
            await self.release()

    async def release(self) -> None:
        """Close connections and tools; they open again when they are next used."""
        models = [each.model for each in self.services.tiers.values()]
        await self.services.background.aclose(*(model.aclose for model in models), self.checking.aclose)
        for model in models:
            await model.aclose()
        await self.checking.aclose()
        for inner in self.nested:
            await inner.release()


def open_checks(config: Config) -> Checking:
    """The validators of a config in their sandbox. Raises ConfigError, SandboxError."""
    sandbox = open_sandbox(config.sandbox.use, limits=_limits(config), image=config.sandbox.image)
    suite = Suite(
        validators(config, sandbox),
        sandbox=sandbox,
        stop_early=config.checks.stop_early,
        experience=_experience(config.checks.learn_from),
        project=_project(config),
    )
    return Checking(checks=suite, layers=sandbox.layers, owned=(suite, sandbox))


def _project(config: Config) -> Project:
    wanted = config.project
    return Project(python=wanted.python, baseline=wanted.baseline, answer_tests=wanted.answer_tests)


def _experience(trace: Path | None) -> dict[str, Experience]:
    """What the validators of a trace cost and found; nothing without one. Raises StorageError, InputError."""
    if trace is None:
        return {}
    return learn(event.model_dump(mode="json") for event in read_trace(trace).events)


def wire(
    config: Config,
    *,
    trace_path: Path | None = None,
    seed: int | None = None,
    checking: Checking | None = None,
    models: Mapping[str, Model] | None = None,
    spent: Spent = Spent(),  # noqa: B008  (frozen)
) -> Wired:
    """Build everything a config names. No call is made and no trace is written yet.

    `checking` replaces the config's validators, for example to share them between cascades; it stays open.
    `models` replaces the models of tiers by name. `spent` is what the run that is resumed has spent before.
    Raises ConfigError (a plug-in that is not there), PriceError (a price that is not known), InputError (a
    recording or artefact that cannot be read), SandboxError.
    """
    ledger = Ledger()
    pricer = Pricer(tariffs(config), book=PriceBook())
    costs = {name: tier_cost(name, one, pricer) for name, one in config.tiers.items()}
    for cost in costs.values():
        for price in (cost.price, *cost.fallback_prices):
            price()  # an unknown price is an error now, not after the first call
    used = Checking(checks=checking.checks, layers=checking.layers) if checking else open_checks(config)
    facts = RunFacts(config_sha256=config.sha256, config=config.public_dump(), sandbox=used.layers)
    path = trace_path or config.trace.path
    trace = RunTrace(open=sink_opener(config, path), facts=facts, ledger=ledger)
    services = Services(
        tiers={name: tier(name, one, model=(models or {}).get(name)) for name, one in config.tiers.items()},
        classifier=classifier(config),
        policy=policy(config),
        judge=judge(config),
        checks=ConversationChecks(used.checks),
        forecast=Forecast(costs, typical_output(config)),
        ledger=ledger,
        pricer=pricer,
        budget=_budget(config, spent.tasks_usd),
        per_task_usd=config.budget.per_task_usd,
        per_task_s=config.budget.per_task_s,
        sink=trace,
        run=trace.scope,
        early_stop=_early_stop(config),
        shadows=shadows(config, Forecast(costs, typical_output(config)), spent=spent.shadows_usd),
        content=config.trace.content,
        feedback=_feedback(config),
        system_prompt=DEFAULT_SYSTEM_PROMPT if config.system_prompt is None else config.system_prompt,
        node_policies=node_policies(config),
        functions=functions(config),
        draw=random.Random(seed).random,  # noqa: S311  (exploration, not secrecy)
    )
    nested = Nested.of(config, partial(wire, seed=seed))
    return Wired(
        services=nested.joined(services),
        trace=trace,
        checking=used,
        graph=config.graph,
        nested=tuple(nested.by_node.values()),
    )


def _budget(config: Config, spent: Decimal) -> Budget:
    wanted = config.budget
    return open_budget(wanted.total_usd, per_day=wanted.per_day_usd, file=wanted.file, spent=spent)


def _early_stop(config: Config) -> StopRules | None:
    wanted = config.early_stop
    if wanted is None:
        return None
    return StopRules(
        complete=wanted.complete,
        syntax=wanted.syntax,
        loops=wanted.loops,
        forbidden_imports=frozenset(wanted.forbidden_imports),
    )


def _feedback(config: Config) -> Callable[[Verdict], str]:
    return partial(feedback.render, show_tests=config.show_tests)


def _limits(config: Config) -> Limits:
    wanted = config.sandbox.model_dump()
    return Limits(**{name: wanted[name] for name in Limits.__dataclass_fields__ if name in wanted})
