"""The records of a trace, schema 1: one pydantic class an event. What is written here is public API.

A trace is JSON lines; `Event` is the union of all records, told apart by `event`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from cascade.types import Billing, CheckStatus, History, JsonValue, Severity, TaskStatus

SCHEMA = 1

Usd = Annotated[Decimal, Field(ge=0, lt=10**12)]
Seconds = Annotated[float, Field(ge=0)]
Chance = Annotated[float, Field(gt=0, le=1)]
"""How likely what was chosen was to be chosen; None in a log that does not say."""
Count = Annotated[int, Field(ge=1)]


class Record(BaseModel):
    """Base of everything in a trace: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)


class Content(Record):
    """A text by the content rule: `full` has all three, `hash` no text, `none` the length only."""

    chars: int
    sha256: str | None = None
    text: str | None = None


class UsageRecord(Record):
    """Tokens by class; `input` includes `cached_input` and `cache_write_tokens`, `output` includes `reasoning`."""

    input: int = 0
    cached_input: int = 0
    output: int = 0
    reasoning: int = 0
    estimated: bool = False
    cache_write_tokens: int = 0


class PriceRecord(Record):
    """The price that a cost was computed with, per 1M tokens, and where it comes from."""

    input: Decimal
    cached_input: Decimal
    output: Decimal
    currency: str = "USD"
    source: str
    as_of: str
    version: str
    note: str = ""
    cache_write: Decimal | None = None
    """Of input written to the prefix cache; None: as `input`."""


class ChargeRecord(Record):
    """One request within an attempt, and what it cost. `cost_usd` is None where the price is unknown.

    `worst_usd` is what it may have cost at most, where `billing` is `unknown`.
    """

    endpoint: str
    model: str
    answered_by: str | None = None
    at: AwareDatetime
    billing: Billing = "reported"
    usage: UsageRecord = UsageRecord()
    cost_usd: Usd | None = None
    worst_usd: Usd | None = None
    price: PriceRecord | None = None
    error: str | None = None
    latency_s: Seconds = 0.0


class DiagnosticRecord(Record):
    """One located finding."""

    path: str | None = None
    line: int | None = None
    column: int | None = None
    code: str = ""
    severity: Severity = "error"
    message: str
    source: str | None = None
    test: str | None = None


class ChangesRecord(Record):
    """How a report differs from what the untouched workspace's was: ids of tests, and findings left out."""

    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    still_failing: tuple[str, ...] = ()
    new_failing: tuple[str, ...] = ()
    unfixed: tuple[str, ...] = ()
    findings_before: int = 0


class ValidatorRecord(Record):
    """What one validator said."""

    name: str
    status: CheckStatus
    latency_s: Seconds = 0.0
    diagnostics: tuple[DiagnosticRecord, ...] = ()
    detail: str | None = None
    changes: ChangesRecord | None = None


class JudgedRecord(Record):
    """What a judge said of an answer: P(it is right) with its interval and reasons; no proof.

    `accept` is the least P at which it is accepted; `others` P(another tier's first attempt passes | this answer).
    """

    judge: str
    version: str = ""
    p: float
    low: float
    high: float
    reason: str = ""
    accept: float
    others: dict[str, float] = Field(default_factory=dict)


class OptionRecord(Record):
    """One step that a policy weighed."""

    action: str
    tier: str | None = None
    p: float | None = None
    cost_usd: float | None = None
    value_usd: float | None = None


class NoticeRecord(Record):
    """A warning: something that a user should know although nothing failed."""

    code: str
    subject: str = ""
    message: str
    hint: str = ""


def _now() -> datetime:
    return datetime.now(UTC)


class Base(Record):
    """What every line has: which run, task, span and node, and when (UTC)."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    event: str
    time: AwareDatetime = Field(default_factory=_now)
    run_id: str
    task_id: str | None = None
    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    node: str | None = None
    chain: str | None = Field(default=None, exclude=True)
    """Read only: the digest of a line that another program wrote anew (`cascade.trace.chain`)."""
    signature: str | None = Field(default=None, exclude=True)
    """Read only, as `chain`."""


class RunStarted(Base):
    """A run began. `config` is the expanded configuration without secrets."""

    event: Literal["run.started"] = "run.started"
    config_sha256: str | None = None
    config: JsonValue = None
    versions: dict[str, str] = Field(default_factory=dict)
    sandbox: tuple[str, ...] = ()
    tasks: int | None = None
    resumed: bool = False


class TaskStarted(Base):
    """A task began. `prompt_sha256` and the files' hashes are there under every content rule but `none`."""

    event: Literal["task.started"] = "task.started"
    prompt: Content
    files: dict[str, Content] = Field(default_factory=dict)
    tests: dict[str, Content] = Field(default_factory=dict)
    target: str | None = None
    metadata: JsonValue = None
    tools: JsonValue = None


class TaskResumed(Base):
    """A task that another run began goes on in this one, from a checkpoint: what was done and spent before."""

    event: Literal["task.resumed"] = "task.resumed"
    attempts: int = 0
    cost_usd: Usd | None
    unknown_usd: Usd = Decimal(0)


class ContextShown(Base):
    """What of a workspace the requests begin with; written once for each content, before the first task that has it.

    `files` are sha256 by path, `left_out` what the globs name and the text does not show, a line each.
    """

    event: Literal["context.shown"] = "context.shown"
    sha256: str
    text: Content
    tokens: int = 0
    files: dict[str, str] = Field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    left_out_files: int = 0
    unused: tuple[str, ...] = ()


class RouteDecided(Base):
    """The first tier was chosen."""

    event: Literal["route.decided"] = "route.decided"
    classifier: str
    version: str = ""
    probabilities: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    tier: str | None
    propensity: Chance | None = None
    explored: bool = False
    latency_s: Seconds = 0.0
    reason: str = ""


class ShadowDrawn(Base):
    """A task has ended, and whether it gets a shadow was drawn: `sampled` is `draw < propensity`.

    On a sampled task the first attempts at `tiers` are to be known; `missing` are those that it did not make itself.
    """

    event: Literal["shadow.drawn"] = "shadow.drawn"
    propensity: float
    draw: float
    sampled: bool
    tiers: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class ShadowSkipped(Base):
    """A shadow that was to be made was not: its tier, and why."""

    event: Literal["shadow.skipped"] = "shadow.skipped"
    tier: str
    code: str
    reason: str = ""


class AttemptRecord(Base):
    """What all events of an attempt share. `tier_attempt`, `after` and `history` make it a recording.

    `shadow`: it was made beside, after its task had ended; no decision of the task led to it or rests on it.
    `warm`: it sent a context alone, before a batch; it is of no task (`task_id` is null) and numbered within the run.
    """

    attempt: Count
    tier: str
    tier_attempt: Count = 1
    after: str | None = None
    history: History = "none"
    model: str
    shadow: bool = False
    warm: bool = False


class AttemptStarted(AttemptRecord):
    """Written and flushed before the call. `messages` only under content rule `full`.

    With `context_sha256` the first of the user's messages begins with the text of that `context.shown`, which is left
    out here; `messages_sha256` is of the messages as they were sent.
    """

    event: Literal["attempt.started"] = "attempt.started"
    endpoint: str = ""
    messages_sha256: str | None = None
    messages: JsonValue = None
    context_sha256: str | None = None
    reserved_usd: Usd | None = None


class AttemptRetried(AttemptRecord):
    """A request of the attempt failed and another one follows. Written and flushed before that one.

    `reserved_usd` is what was set aside for it, on top of what was reserved before.
    """

    event: Literal["attempt.retried"] = "attempt.retried"
    endpoint: str = ""
    code: str
    requests: int = 1
    reserved_usd: Usd | None = None
    charge: ChargeRecord | None = None


class AttemptFinished(AttemptRecord):
    """An answer came. `usage` and `cost_usd` are sums over `charges`, failed tries included."""

    event: Literal["attempt.finished"] = "attempt.finished"
    endpoint: str = ""
    answered_by: str | None = None
    usage: UsageRecord
    cost_usd: Usd | None
    unknown_usd: Usd = Decimal(0)
    price: PriceRecord | None = None
    latency_s: Seconds = 0.0
    first_token_s: Seconds | None = None
    finish_reason: str | None = None
    tries: int = 1
    output: Content | None = None
    reasoning: Content | None = None
    tool_calls: JsonValue = None
    charges: tuple[ChargeRecord, ...] = ()
    warnings: tuple[NoticeRecord, ...] = ()


class AttemptFailed(AttemptRecord):
    """No answer came. `cost_usd` was billed as far as is known, `unknown_usd` at most on top of it."""

    event: Literal["attempt.failed"] = "attempt.failed"
    endpoint: str = ""
    code: str
    message: str = ""
    retryable: bool = False
    usage: UsageRecord | None = None
    cost_usd: Usd | None = None
    unknown_usd: Usd = Decimal(0)
    latency_s: Seconds = 0.0
    tries: int = 1
    charges: tuple[ChargeRecord, ...] = ()
    warnings: tuple[NoticeRecord, ...] = ()


class ValidationFinished(Base):
    """An answer was checked. `skipped`: validators with nothing to check; `judged`: where a judge was asked too."""

    event: Literal["validation.finished"] = "validation.finished"
    attempt: Count
    tier: str | None = None
    verdict: CheckStatus
    validators: tuple[ValidatorRecord, ...] = ()
    skipped: tuple[str, ...] = ()
    latency_s: Seconds = 0.0
    judged: JudgedRecord | None = None
    shadow: bool = False


class PolicyDecided(Base):
    """The next step was chosen. `options` are the steps weighed, with p and cost."""

    event: Literal["policy.decided"] = "policy.decided"
    policy: str = ""
    attempt: int = 0
    action: str
    tier: str | None = None
    reason: str = ""
    options: tuple[OptionRecord, ...] = ()
    propensity: Chance | None = None
    explored: bool = False
    history: History | None = None


class NodeFinished(Base):
    """A node of a declared graph ended. Written for the kinds that have no event of their own, and at a limit."""

    event: Literal["node.finished"] = "node.finished"
    kind: str
    outcome: str
    latency_s: Seconds = 0.0


class TaskFinished(Base):
    """A task ended. `given` is the number of the attempt whose answer it has.

    `result` is the line of the results file, under content rule `full`.
    """

    event: Literal["task.finished"] = "task.finished"
    status: TaskStatus
    tier: str | None = None
    given: int | None = None
    attempts: int = 0
    cost_usd: Usd | None
    unknown_usd: Usd = Decimal(0)
    latency_s: Seconds = 0.0
    reason: str = ""
    error: str | None = None
    result: JsonValue = None


class RunFinished(Base):
    """A run ended (`interrupted`: by a signal). Totals are over this run's attempts; `shadow_usd` is of shadows."""

    event: Literal["run.finished"] = "run.finished"
    tasks: int = 0
    accepted: int = 0
    attempts: int = 0
    usage: UsageRecord = UsageRecord()
    cost_usd: Usd | None
    unknown_usd: Usd = Decimal(0)
    shadow_usd: Usd = Decimal(0)
    latency_s: Seconds = 0.0
    interrupted: bool = False


class OutcomeLabelled(Base):
    """What is true of an answer, told after its run: 1 right, 0 wrong, or a rate between. The last label counts."""

    event: Literal["outcome.labelled"] = "outcome.labelled"
    attempt: Count
    tier: str | None = None
    outcome: float = Field(ge=0, le=1)
    source: str = ""


Event = Annotated[
    RunStarted
    | TaskStarted
    | TaskResumed
    | ContextShown
    | RouteDecided
    | AttemptStarted
    | AttemptRetried
    | AttemptFinished
    | AttemptFailed
    | ValidationFinished
    | PolicyDecided
    | NodeFinished
    | TaskFinished
    | ShadowDrawn
    | ShadowSkipped
    | RunFinished
    | OutcomeLabelled,
    Field(discriminator="event"),
]
AttemptEnded = AttemptFinished | AttemptFailed

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
