"""The composition root: a `Config` becomes the objects that run. Nothing else knows every room."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from cascade.budget import Spent
from cascade.config import Config
from cascade.context import Contexts, ContextSettings
from cascade.forecast import Forecast
from cascade.ledger import Pricer
from cascade.models.base import Model
from cascade.models.early import StopRules
from cascade.nodes.services import Services
from cascade.prices import PriceBook
from cascade.prompting import DEFAULT_SYSTEM_PROMPT
from cascade.runtrace import RunFacts
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
from cascade.wiring.process import PerProcess as PerProcess
from cascade.wiring.runs import RunPlan
from cascade.wiring.tiers import tariffs, tier, tier_cost
from cascade.wiring.wired import Checking as Checking
from cascade.wiring.wired import Wired as Wired


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


def _context(config: Config) -> ContextSettings:
    """What is shown of workspaces; every endpoint has to be able to read it, and a task and its answer besides."""
    windows = [
        int(0.9 * endpoint.context_tokens) - endpoint.max_output_tokens
        for tier in config.tiers.values()
        for endpoint in tier.endpoints
        if endpoint.context_tokens is not None
    ]
    most = min([config.project.context_tokens, *windows])
    return ContextSettings(globs=config.project.context, most_tokens=max(1, most))


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
    pricer = Pricer(tariffs(config), book=PriceBook())
    costs = {name: tier_cost(name, one, pricer) for name, one in config.tiers.items()}
    for cost in costs.values():
        for price in (cost.price, *cost.fallback_prices):
            price()  # an unknown price is an error now, not after the first call
    used = Checking(checks=checking.checks, layers=checking.layers) if checking else open_checks(config)
    forecast = partial(Forecast, costs, typical_output(config))
    plan = RunPlan(
        config=config,
        facts=RunFacts(config_sha256=config.sha256, config=config.public_dump(), sandbox=used.layers),
        path=trace_path or config.trace.path,
        forecast=forecast,
        seed=seed,
        spent=spent,
    )
    parts = plan.opened()
    services = Services(
        tiers={name: tier(name, one, model=(models or {}).get(name)) for name, one in config.tiers.items()},
        classifier=classifier(config),
        policy=policy(config),
        judge=judge(config),
        checks=ConversationChecks(used.checks),
        forecast=forecast(),
        pricer=pricer,
        per_task_usd=config.budget.per_task_usd,
        per_task_s=config.budget.per_task_s,
        early_stop=_early_stop(config),
        content=config.trace.content,
        feedback=_feedback(config),
        system_prompt=DEFAULT_SYSTEM_PROMPT if config.system_prompt is None else config.system_prompt,
        contexts=Contexts(_context(config)),
        node_policies=node_policies(config),
        functions=functions(config),
        **parts,
    )
    nested = Nested.of(config, partial(wire, seed=seed))
    return Wired(
        services=nested.joined(services),
        trace=parts["sink"],
        checking=used,
        plan=plan,
        nested=nested,
        graph=config.graph,
    )


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
