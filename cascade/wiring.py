"""The composition root: a `Config` becomes the objects that run. Nothing else knows every room."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cascade import plugins
from cascade.budget import Budget
from cascade.classifiers.base import Classifier
from cascade.config import (
    Config,
    EndpointConfig,
    LinearClassifier,
    PluginConfig,
    Price,
    RulesClassifier,
    TierConfig,
)
from cascade.config import ExpectedValuePolicy as ExpectedValueConfig
from cascade.config import FixedPolicy as FixedConfig
from cascade.config import ThresholdPolicy as ThresholdConfig
from cascade.forecast import Forecast, TierCost
from cascade.ledger import Ledger, Pricer, Tariff
from cascade.models.base import Model
from cascade.models.spec import EndpointSpec, RetryPolicy, Secret
from cascade.nodes.services import Services, Tier
from cascade.policy.base import Policy
from cascade.prices import PriceBook, PriceOverride
from cascade.prices.base import Unknown
from cascade.prompting import DEFAULT_SYSTEM_PROMPT
from cascade.runtrace import RunFacts, RunTrace
from cascade.trace.sink import JsonLinesSink, NullSink, TraceSink
from cascade.types import Charge, Usage, Verdict
from cascade.validators import catalog, feedback
from cascade.validators.sandbox import Limits, Sandbox, open_sandbox
from cascade.validators.suite import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """A cascade's parts: what the nodes use, and what has to be closed."""

    services: Services
    trace: RunTrace
    suite: Suite
    sandbox: Sandbox

    async def aclose(self) -> None:
        """End the run's trace, close connections, tools and the sandbox."""
        try:
            self.trace.close()
        finally:
            for tier in self.services.tiers.values():
                await tier.model.aclose()
            await self.suite.aclose()
            await self.sandbox.aclose()


def wire(config: Config, *, trace_path: Path | None = None, seed: int | None = None) -> Wired:
    """Build everything a config names. No call is made and no trace is written yet.

    Raises ConfigError (a plug-in that is not there), PriceError (a price that is not known), InputError (a
    recording or artefact that cannot be read), SandboxError.
    """
    ledger = Ledger()
    pricer = Pricer(_tariffs(config), book=PriceBook())
    sandbox = open_sandbox(config.sandbox.use, limits=_limits(config))
    suite = Suite(_validators(config, sandbox), sandbox=sandbox)
    facts = RunFacts(config_sha256=config.sha256, config=config.public_dump(), sandbox=sandbox.layers)
    path = trace_path or config.trace.path
    trace = RunTrace(open=partial(_open_sink, path, _secrets(config)), facts=facts, ledger=ledger)
    costs = {name: _tier_cost(name, tier, pricer) for name, tier in config.tiers.items()}
    for cost in costs.values():
        cost.price()  # an unknown price is an error now, not after the first call
    services = Services(
        tiers={name: _tier(name, tier) for name, tier in config.tiers.items()},
        classifier=_classifier(config),
        policy=_policy(config),
        checks=suite,
        forecast=Forecast(costs),
        ledger=ledger,
        pricer=pricer,
        budget=Budget(config.budget.total_usd),
        per_task_usd=config.budget.per_task_usd,
        sink=trace,
        run=trace.scope,
        content=config.trace.content,
        feedback=_feedback(config),
        system_prompt=DEFAULT_SYSTEM_PROMPT if config.system_prompt is None else config.system_prompt,
        show_tests=config.show_tests,
        draw=random.Random(seed).random,  # noqa: S311  (exploration, not secrecy)
    )
    return Wired(services=services, trace=trace, suite=suite, sandbox=sandbox)


def _feedback(config: Config) -> Callable[[Verdict], str]:
    return partial(feedback.render, show_tests=config.show_tests)


def _secrets(config: Config) -> tuple[str, ...]:
    keys = [endpoint.api_key for tier in config.tiers.values() for endpoint in tier.endpoints]
    return tuple(key.get_secret_value() for key in keys if key is not None)


def _open_sink(path: Path | None, secrets: tuple[str, ...]) -> TraceSink:
    if path is None:
        return NullSink()
    if path.is_dir() or not path.suffix:
        path /= f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}.jsonl"
    return JsonLinesSink(path, secrets=secrets)


def _limits(config: Config) -> Limits:
    wanted = config.sandbox
    return Limits(
        wall_s=wanted.wall_s,
        cpu_s=round(wanted.cpu_s) or 1,
        memory_mb=wanted.memory_mb,
        processes=wanted.processes,
        file_mb=wanted.file_mb,
        disk_mb=wanted.disk_mb,
        output_mb=wanted.output_kb / 1024,
    )


# Tiers and their prices


def endpoint_name(tier: str, endpoint: EndpointConfig, number: int) -> str:
    """How ledger and trace call an endpoint: the tier, where it is, and which fallback if it is one."""
    place = urlsplit(endpoint.base_url).netloc if endpoint.base_url else endpoint.provider
    return f"{tier}@{place}" if number == 0 else f"{tier}@{place}#{number}"


def _tier(name: str, config: TierConfig) -> Tier:
    models = [
        _model(endpoint_name(name, endpoint, n), endpoint) for n, endpoint in enumerate(config.endpoints)
    ]
    return Tier(
        name=name,
        model=models[0] if len(models) == 1 else _with_fallback(models),
        model_name=config.model,
        endpoint=endpoint_name(name, config, 0),
        max_output_tokens=config.max_output_tokens,
        retry_history=config.history.retry,
        escalation_history=config.history.escalation,
        deadline_s=config.timeout_s,
    )


def _with_fallback(models: list[Model]) -> Model:
    from cascade.models.fallback import FallbackModel

    return FallbackModel(models)


def _model(name: str, config: EndpointConfig) -> Model:
    if config.provider == "recorded":
        from cascade.models.recorded import RecordedModel

        return RecordedModel(*config.recording, model=config.model, endpoint=name)
    if config.provider != "openai":
        model: Model = plugins.load("models", config.provider)(config)
        return model
    from cascade.models.openai import OpenAIModel

    retries = RetryPolicy(max_tries=config.retries + 1, deadline=config.timeout_s)
    return OpenAIModel(_spec(name, config), retry=retries)


def _spec(name: str, config: EndpointConfig) -> EndpointSpec:
    return EndpointSpec(
        name=name,
        model=config.model,
        base_url=config.base_url or "",
        api_key=Secret(config.api_key.get_secret_value() if config.api_key else ""),
        thinking=config.thinking,
        effort=config.reasoning_effort,
        max_output_tokens=config.max_output_tokens,
        temperature=config.temperature,
        timeout=config.timeout_s,
        context_tokens=config.context_tokens,
        max_concurrency=config.limits.concurrency,
        requests_per_minute=config.limits.requests_per_minute,
        extra=config.extra_body,
    )


def _tariffs(config: Config) -> dict[str, Tariff]:
    return {
        endpoint_name(name, endpoint, number): Tariff(
            model=endpoint.model,
            override=_override(endpoint),
            max_output_tokens=endpoint.max_output_tokens,
        )
        for name, tier in config.tiers.items()
        for number, endpoint in enumerate(tier.endpoints)
    }


def _override(endpoint: EndpointConfig) -> PriceOverride | Unknown | None:
    if isinstance(endpoint.price, Price):
        known = endpoint.price
        return PriceOverride(input=known.input, output=known.output, cached_input=known.cached_input)
    return "unknown" if endpoint.price == "unknown" else None


def _tier_cost(name: str, config: TierConfig, pricer: Pricer) -> TierCost:
    """The tier's price at its first endpoint, asked for as if a request were sent now."""
    endpoint = endpoint_name(name, config, 0)

    def price() -> Any:
        return pricer.price(
            Charge(endpoint=endpoint, model=config.model, usage=Usage(), at=datetime.now(UTC))
        )

    return TierCost(price=price, max_output_tokens=config.max_output_tokens)


# Classifier, policy, validators


def _classifier(config: Config) -> Classifier:
    wanted = config.classifier
    if isinstance(wanted, RulesClassifier):
        from cascade.classifiers.rules import RulesClassifier as Rules

        return Rules()
    if isinstance(wanted, LinearClassifier):
        from cascade.classifiers.linear import LinearClassifier as Linear

        models = {name: tier.model for name, tier in config.tiers.items()}
        if wanted.artifact is None:
            return Linear.default(models=models)
        return Linear.from_file(wanted.artifact, models=models)
    return _plugin("classifiers", wanted)  # type: ignore[no-any-return]


def _policy(config: Config) -> Policy:
    wanted = config.policy
    if isinstance(wanted, ThresholdConfig):
        from cascade.policy.threshold import ThresholdPolicy

        return ThresholdPolicy(wanted.start, attempts=wanted.attempts, default_attempts=1)
    if isinstance(wanted, ExpectedValueConfig):
        return _expected_value(config, wanted)
    if isinstance(wanted, FixedConfig):
        from cascade.policy.fixed import FixedPolicy

        return FixedPolicy(wanted.order)
    return _plugin("policies", wanted)  # type: ignore[no-any-return]


def _expected_value(config: Config, wanted: ExpectedValueConfig) -> Policy:
    from cascade.policy.expected_value import Conditions, ExpectedValuePolicy
    from cascade.policy.steps import Verifier

    conditions = Conditions(
        verifier=Verifier(wanted.verifier.accepts_right, wanted.verifier.rejects_wrong),
        second_usd=float(wanted.latency_usd_per_s),
        shown={name: tier.history.retry for name, tier in config.tiers.items()},
    )
    return ExpectedValuePolicy(
        float(wanted.value_usd),
        max_attempts=wanted.max_attempts,
        explore=wanted.explore,
        conditions=conditions,
    )


def _plugin(kind: str, wanted: PluginConfig) -> Any:
    return plugins.load(kind, wanted.use)(**wanted.options)


def _validators(config: Config, sandbox: Sandbox) -> tuple[Any, ...]:
    specs = [_validator_spec(wanted) for wanted in config.validators]
    extra = {
        str(spec["use"]): partial(_third_party, str(spec["use"]))
        for spec, wanted in zip(specs, config.validators, strict=True)
        if isinstance(wanted, PluginConfig)
    }
    return catalog.build(specs, sandbox=sandbox, extra=extra)


def _third_party(name: str, sandbox: Sandbox, options: Mapping[str, Any]) -> Any:
    return plugins.load("validators", name)(sandbox, options)


def _validator_spec(wanted: Any) -> dict[str, Any]:
    if isinstance(wanted, PluginConfig):
        return {"use": wanted.use, **wanted.options}
    given = wanted.model_dump(exclude_none=True, exclude_defaults=True, by_alias=True)
    options = given.pop("options", {})
    return {**given, "use": wanted.use, **options}
