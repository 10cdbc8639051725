"""The sections beside the tiers: classifier, validators, policy, budget, sandbox, trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    ValidationInfo,
    field_validator,
)

from cascade.config.base import (
    LISTED,
    Count,
    FilePath,
    Files,
    Name,
    PositiveUsd,
    Section,
    Text,
    Usd,
    surroundings,
)
from cascade.config.plugins import known_name

Probability: TypeAlias = Annotated[float, Field(ge=0, le=1)]
OnUnchecked: TypeAlias = Literal["stop", "accept"]
Sandboxes: TypeAlias = Literal["auto", "landlock", "bwrap", "container", "none"]
Seconds: TypeAlias = Annotated[float, Field(gt=0)]


class PluginConfig(Section):
    """A plug-in: its entry point's name, or `package.module:attribute`; other keys are its options."""

    model_config = ConfigDict(extra="allow")

    use: Text
    """The entry point's name, or `package.module:attribute`."""

    @property
    def options(self) -> dict[str, Any]:
        """The keys beside `use`: what the plug-in is called with."""
        return dict(self.model_extra or {})

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        # Options may hold a secret that came from ${VAR}.
        yield "use", self.use


def command_name(run: Any) -> str:
    """How a `command` without a name is called: as its program."""
    first = run[0] if isinstance(run, list | tuple) and run else None
    return PurePosixPath(first).name or "command" if isinstance(first, str) else "command"


class RulesClassifier(Section):
    """Estimates from plain rules on the prompt and files; needs no training."""

    use: Literal["rules"]


class LinearClassifier(Section):
    """A trained linear classifier with calibrated probabilities."""

    use: Literal["linear"]
    artifact: FilePath | None = None
    """Weights written by `cascade train`. Unset: the ones that ship."""


class ClassifierPlugin(PluginConfig):
    """Your classifier."""

    @field_validator("use")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        return known_name("classifiers", value, surroundings(info).plugins)


class JudgeConfig(Section):
    """Trained judges of answers, for tasks whose validators prove little."""

    artifact: Annotated[Files, Field(min_length=1)]
    """What `cascade train --judge TIER` wrote: a file, or one for each tier whose answers are judged."""
    accept: Probability = 0.6
    """An answer that nothing failed is accepted from this P(right) on."""
    when: Literal["unproven", "always"] = "unproven"
    """`unproven`: asked only where nothing that executes the answer passed; `always`: after every verdict."""


class ValidatorConfig(PluginConfig):
    """A check that an answer must pass. The keys beside `use` are the validator's own options."""

    name: Text | None = None
    """The name in reports; needed if one validator is used twice."""

    @field_validator("use")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        return known_name("validators", value, surroundings(info).plugins)

    @property
    def options(self) -> dict[str, Any]:
        """The keys beside `use`, `name` included where it is given; a command is named by its program."""
        extra = self.model_extra or {}
        name = self.name
        if name is None and self.use == "command":
            name = command_name(extra.get("run"))
        return dict(extra) if name is None else {"name": name, **extra}

    @property
    def spec(self) -> dict[str, Any]:
        """What `cascade.validators.catalog.build` takes."""
        return {"use": self.use, **self.options}


class Verifier(Section):
    """How well the validators tell right from wrong (design 4)."""

    accepts_right: Probability = 1.0
    """Share of right answers that they accept."""
    rejects_wrong: Probability = 1.0
    """Share of wrong answers that they reject."""


Exploration: TypeAlias = Annotated[
    Annotated[Probability, Tag("rate")] | Annotated[Literal["thompson"], Tag("word")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "rate"),
]


class ExpectedValuePolicy(Section):
    """The step with the best expected value, exactly over the tree of possible attempts."""

    use: Literal["expected_value"]
    value_usd: PositiveUsd = Field(default="0.50", validate_default=True)
    """What a solved task is worth in USD: the dial between cost and quality."""
    max_attempts: Annotated[Count, Field(ge=1, le=20)] = 4
    """Attempts at a task in all."""
    attempts: dict[str, Annotated[Count, Field(ge=0)]] = Field(default_factory=dict)
    """At most so many attempts at a tier; 2 where a tier is not named."""
    explore: Exploration = 0.0
    """Share of steps taken at random, or `thompson`; propensities are logged, so that logs can be learnt from."""
    verifier: Verifier = Verifier()
    """How well the validators tell right from wrong."""
    latency_usd_per_s: Usd = Field(default="0", validate_default=True)
    """What a second of waiting costs, in USD."""
    on_unchecked: OnUnchecked = "stop"
    """What becomes of an answer that could not be checked: given back unaccepted, or accepted."""
    artifact: FilePath | None = None
    """Outcome statistics written by `cascade train`. Unset: the ones that ship."""


class ThresholdPolicy(Section):
    """Starts at the first tier that is likely enough to pass, and climbs after a number of failures."""

    use: Literal["threshold"]
    start: Probability = 0.5
    """The first tier with P(pass) at least this one starts; else the last."""
    attempts: dict[str, Annotated[Count, Field(ge=0)]] = Field(default_factory=dict)
    """Attempts by tier before the next one is tried. 0 leaves a tier out."""
    default_attempts: Annotated[Count, Field(ge=0)] = 2
    """Attempts at a tier that `attempts` does not name."""
    on_unchecked: OnUnchecked = "stop"
    """What becomes of an answer that could not be checked: given back unaccepted, or accepted."""


class FixedPolicy(Section):
    """The same steps for every task."""

    use: Literal["fixed"]
    order: Annotated[tuple[Name, ...], LISTED, Field(min_length=1)]
    """Tiers, tried one after another until one passes. A tier named twice in a row is retried."""
    on_unchecked: OnUnchecked = "stop"
    """What becomes of an answer that could not be checked: given back unaccepted, or accepted."""


class PolicyPlugin(PluginConfig):
    """Your policy."""

    @field_validator("use")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        return known_name("policies", value, surroundings(info).plugins)


class BudgetConfig(Section):
    """What may be spent, in USD and in time. Unset means no limit."""

    per_task_usd: PositiveUsd | None = None
    """For one task, all its attempts together."""
    per_task_s: Seconds | None = None
    """Seconds that a task may take: no attempt begins after it, and a call under way ends by it."""
    total_usd: PositiveUsd | None = None
    """For one run; with `file` for all runs that share it, until it is reset (`cascade budget reset FILE`)."""
    per_day_usd: PositiveUsd | None = None
    """For one day (UTC). Without `file` it holds in this process only."""
    file: FilePath | None = None
    """A file that processes share, so that the limits hold between them."""


class ShadowConfig(Section):
    """Other tiers' first attempts on a random share of the tasks, after those have ended: for the log alone."""

    rate: Annotated[float, Field(gt=0, le=1)]
    """Share of the tasks, drawn at random, on which every tier of `tiers` is known in the end."""
    tiers: Annotated[tuple[Name, ...], LISTED, Field(min_length=1)] | None = None
    """The tiers. Unset: all."""
    budget_usd: PositiveUsd
    """What shadows may cost in a run, in USD, on top of `budget`, whose limits they do not touch."""


class ChecksConfig(Section):
    """In which order the validators run, and when they stop."""

    stop_early: bool = True
    """Stop at the first stage in which one fails; false runs all at once, for feedback that has everything."""
    learn_from: FilePath | None = None
    """A trace: validators run one by one, the cheapest way to a failure first. Unset: parse, read, execute."""


class EarlyStopConfig(Section):
    """What ends a generation before its model ends it. Only where a task expects code."""

    complete: bool = True
    """The first Python block has closed, and the task names one target."""
    syntax: bool = True
    """A syntax error that no continuation mends."""
    loops: bool = True
    """The text repeats itself."""
    forbidden_imports: Annotated[tuple[Text, ...], LISTED] = ()
    """Top-level names of modules that an answer must not import."""


class SandboxConfig(Section):
    """Where model-written code is executed, and within which bounds."""

    use: Sandboxes = "auto"
    """`auto` takes the strongest layer that works here. `none` executes without isolation: say it only where
    another wall stands around."""
    image: Text | None = None
    """The image of `container`."""
    wall_s: Seconds = 10.0
    """Wall-clock seconds of one tool run."""
    cpu_s: Annotated[Count, Field(ge=1)] = 30
    """Processor seconds of one process."""
    memory_mb: Annotated[Count, Field(ge=16)] = 1024
    """Resident memory of all processes of a run together, in MiB."""
    address_space_mb: Annotated[Count, Field(ge=64)] = 4096
    """Virtual memory of one process in MiB."""
    processes: Annotated[Count, Field(ge=1)] = 128
    """Processes and threads at once."""
    open_files: Annotated[Count, Field(ge=16)] = 256
    """Files that one process may hold open."""
    file_mb: Annotated[Count, Field(ge=1)] = 64
    """Size of one written file in MiB."""
    disk_mb: Annotated[Count, Field(ge=1)] = 256
    """What a run may add to its folders, in MiB."""
    output_mb: Annotated[float, Field(gt=0)] = 1.0
    """Output of one tool run in MiB; what is beyond is cut."""

    @property
    def limits(self) -> dict[str, Any]:
        """Keyword arguments of `cascade.validators.sandbox.Limits`."""
        return {name: value for name, value in self if name not in {"use", "image"}}


class SinkConfig(PluginConfig):
    """A further place for a run's events: `opentelemetry`, or your trace sink. Other keys are its options."""

    @field_validator("use")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        return known_name("trace_sinks", value, surroundings(info).plugins)


def _named(value: object) -> object:
    # `validators: [ruff]` is short for `[{use: ruff}]`, `classifier: rules` for `{use: rules}`.
    return {"use": value} if isinstance(value, str) else value


class TraceConfig(Section):
    """What is written down of a run."""

    path: FilePath | None = None
    """A file (`*.jsonl`, `*.jsonl.gz`), or a folder that gets a file a run. Unset: no trace."""
    content: Literal["full", "hash", "none"] = "full"
    """Prompts, files and outputs as they are, as sha256 only, or not at all."""
    signing_key: SecretStr | None = None
    """Signs every line, so that nobody without the key can write the trace anew (`cascade trace verify`)."""
    sinks: Annotated[tuple[Annotated[SinkConfig, BeforeValidator(_named)], ...], LISTED] = ()
    """Further places for events, each `{use: NAME, ...}`. One that fails is said and let go; the run goes on."""


def _by_use(*names: str) -> Discriminator:
    """Tell members of a union by `use`; whatever is not built in is a plug-in."""

    def tag(value: Any) -> str:
        use = value.get("use") if isinstance(value, dict) else getattr(value, "use", None)
        return use if isinstance(use, str) and use in names else "plugin"

    return Discriminator(tag)


ClassifierConfig: TypeAlias = Annotated[
    Annotated[RulesClassifier, Tag("rules")]
    | Annotated[LinearClassifier, Tag("linear")]
    | Annotated[ClassifierPlugin, Tag("plugin")],
    _by_use("rules", "linear"),
    BeforeValidator(_named),
]
ValidatorSetting: TypeAlias = Annotated[ValidatorConfig, BeforeValidator(_named)]
PolicyConfig: TypeAlias = Annotated[
    Annotated[ExpectedValuePolicy, Tag("expected_value")]
    | Annotated[ThresholdPolicy, Tag("threshold")]
    | Annotated[FixedPolicy, Tag("fixed")]
    | Annotated[PolicyPlugin, Tag("plugin")],
    _by_use("expected_value", "threshold", "fixed"),
    BeforeValidator(_named),
]
