"""Classifier, policy and validators: the shipped ones by name, others by entry point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from cascade.classifiers.base import Classifier
from cascade.config import Config, LinearClassifier, PluginConfig, RulesClassifier
from cascade.config import ExpectedValuePolicy as ExpectedValueConfig
from cascade.config import FixedPolicy as FixedConfig
from cascade.config import ThresholdPolicy as ThresholdConfig
from cascade.errors import ConfigError
from cascade.plugins import load as load_plugin
from cascade.policy.base import Policy
from cascade.validators import catalog
from cascade.validators.base import Validator
from cascade.validators.presets import PRESETS
from cascade.validators.sandbox import Sandbox

if TYPE_CHECKING:
    from cascade.classifiers.after_output import AnswerClassifier
    from cascade.classifiers.artifact import Artifact
    from cascade.policy.judge import Judge

_READING = frozenset({"syntax", "ruff", "mypy", "json_schema", "model", "tool_calls"})


def classifier(config: Config) -> Classifier:
    """What estimates P(pass) by tier."""
    wanted = config.classifier
    if isinstance(wanted, RulesClassifier):
        from cascade.classifiers.rules import RulesClassifier as Rules

        return Rules()
    if isinstance(wanted, LinearClassifier):
        from cascade.classifiers.linear import LinearClassifier as Linear

        if wanted.artifact is not None:
            models = {name: tier.model for name, tier in config.tiers.items()}
            return Linear.from_file(wanted.artifact, models=models)
        # A recording's model name is its own; the artefact that ships knows its own recordings under this alias.
        models = {
            name: f"recorded:{tier.model}" if tier.provider == "recorded" else tier.model
            for name, tier in config.tiers.items()
        }
        return Linear.default(models=models)
    return cast("Classifier", _plugin("classifiers", wanted))


def judge(config: Config) -> Judge | None:
    """What judges answers, by tier. Raises InputError for an artefact that is none, ConfigError for its tier."""
    wanted = config.judge
    if wanted is None:
        return None
    from cascade.classifiers.after_output import AnswerClassifier
    from cascade.policy.judge import Judge

    classifiers: dict[str, AnswerClassifier] = {}
    aliases = {}
    for path in wanted.artifact:
        found = AnswerClassifier.from_file(path)
        names = _named_in(config, found.artifact)
        tier = next((ours for ours, theirs in names.items() if theirs == found.tier), None)
        if tier is None or tier in classifiers:
            raise ConfigError(
                f"judge.artifact: {path.name} judges the answers of {found.tier}, "
                + (
                    "which another artefact judges too" if tier else "and no tier here has that name or model"
                ),
                hint=f"the tiers are {', '.join(config.tiers)}; train one with: cascade train LOG --judge TIER",
            )
        classifiers[tier], aliases[tier] = found, names
    return Judge(
        classifiers=classifiers,
        accept=wanted.accept,
        when=wanted.when,
        reads=frozenset(_reading(config)),
        aliases=aliases,
    )


def _named_in(config: Config, artifact: Artifact) -> dict[str, str]:
    """The config's tiers that an artefact knows, by name, else by model: to the name that it has for them."""
    known = {weights.name for weights in artifact.tiers}
    by_model = {model: one.name for one in artifact.tiers for model in (one.name, *one.models)}
    named = {
        tier: tier if tier in known else by_model.get(one.model, "") for tier, one in config.tiers.items()
    }
    return {tier: name for tier, name in named.items() if name}


def _reading(config: Config) -> Iterator[str]:
    """Names of the checks that read an answer and execute nothing of it."""
    yield from ("extract", "tool_calls", "response_format")
    for wanted in config.validators:
        executes = wanted.options.get("executes", PRESETS.get(wanted.use, {}).get("executes", True))
        if wanted.use in _READING or (executes is False and wanted.use in {"command", *PRESETS}):
            yield str(wanted.options.get("name", wanted.use))


def policy(config: Config) -> Policy:
    """What decides the next step."""
    wanted = config.policy
    if isinstance(wanted, ThresholdConfig):
        from cascade.policy.threshold import ThresholdPolicy

        return ThresholdPolicy(
            wanted.start,
            attempts=wanted.attempts,
            default_attempts=wanted.default_attempts,
            on_unchecked=wanted.on_unchecked,
        )
    if isinstance(wanted, ExpectedValueConfig):
        return _expected_value(config, wanted)
    if isinstance(wanted, FixedConfig):
        from cascade.policy.fixed import FixedPolicy

        return FixedPolicy(wanted.order, on_unchecked=wanted.on_unchecked)
    return cast("Policy", _plugin("policies", wanted))


def typical_output(config: Config) -> Mapping[str, float]:
    """Tokens of an answer by tier, as the policy's estimates have them from their log."""
    from cascade.policy.artifact import load_estimates

    wanted = config.policy
    if not isinstance(wanted, ExpectedValueConfig) or wanted.artifact is None:
        return {}
    return load_estimates(wanted.artifact).output_tokens


def _expected_value(config: Config, wanted: ExpectedValueConfig) -> Policy:
    from cascade.policy.artifact import load_estimates
    from cascade.policy.expected_value import Conditions, ExpectedValuePolicy
    from cascade.policy.steps import Verifier

    conditions = Conditions(
        verifier=Verifier(wanted.verifier.accepts_right, wanted.verifier.rejects_wrong),
        second_usd=float(wanted.latency_usd_per_s),
        on_unchecked=wanted.on_unchecked,
        per_tier=wanted.attempts,
        shown={name: tier.history.retry for name, tier in config.tiers.items()},
        escalated={name: tier.history.escalation for name, tier in config.tiers.items()},
    )
    return ExpectedValuePolicy(
        float(wanted.value_usd),
        max_attempts=wanted.max_attempts,
        explore=wanted.explore,
        estimates=None if wanted.artifact is None else load_estimates(wanted.artifact),
        conditions=conditions,
    )


def _plugin(kind: str, wanted: PluginConfig) -> Any:
    return load_plugin(kind, wanted.use)(**wanted.options)


def validators(config: Config, sandbox: Sandbox) -> tuple[Validator, ...]:
    """The checks, in the config's order."""
    built_in = catalog.built_in()
    extra = {
        wanted.use: partial(_third_party, wanted.use)
        for wanted in config.validators
        if wanted.use not in built_in
    }
    return catalog.build([wanted.spec for wanted in config.validators], sandbox=sandbox, extra=extra)


def _third_party(name: str, sandbox: Sandbox, options: Mapping[str, Any]) -> Validator:
    return cast("Validator", load_plugin("validators", name)(sandbox, options))
