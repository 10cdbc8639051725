"""The words of the domain as frozen values: task, diagnostic, verdict, usage, attempt.

Everything here is plain data without behaviour beyond looking at itself. Mappings are to be treated as
read-only. Money is `Decimal` USD, time is seconds, tokens are counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from typing_extensions import TypeAliasType

from cascade.notices import Notice

JsonValue = TypeAliasType(
    "JsonValue", "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
JsonObject: TypeAlias = Mapping[str, JsonValue]

Severity: TypeAlias = Literal["error", "warning", "info"]
CheckStatus: TypeAlias = Literal["passed", "failed", "unchecked"]
TestStatus: TypeAlias = Literal["passed", "failed", "skipped"]
History: TypeAlias = Literal["full", "last", "diagnostics", "none"]
Billing: TypeAlias = Literal["reported", "estimated", "unknown", "none"]
Mode: TypeAlias = Literal["100644", "100755"]
"""A file's mode as git has it: plain or executable."""
TaskStatus: TypeAlias = Literal["accepted", "rejected", "budget_exhausted", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to be done: a prompt, the files it works on, the checks its answer must pass.

    `files` and `tests` map workspace-relative POSIX paths to text. `workspace` is a directory to start
    from (copied, never written). `target` is the path that a single code block goes to. `validators` names
    a subset of the configured ones; None means all. Tests are shown to the model only if `show_tests`.

    `context` are globs of the workspace's files that the model is shown, in place of the config's; None means those.
    `fail_to_pass` and `pass_to_pass` are test ids as pytest prints them. `hidden_tests` are for evaluation alone: no
    model and no validator of a run sees them.

    A conversation has `messages` (chat messages, sent as they are instead of prompt and files; `prompt` is then
    what the classifier reads), `tools` (OpenAI tool definitions that the answer may call) and `parameters`
    (more keys of the request's body: `tool_choice`, `response_format`, ...).
    """

    prompt: str
    id: str = "task"
    files: Mapping[str, str] = field(default_factory=dict)
    workspace: str | None = None
    target: str | None = None
    tests: Mapping[str, str] = field(default_factory=dict)
    validators: tuple[str, ...] | None = None
    metadata: JsonObject = field(default_factory=dict)
    show_tests: bool = False
    messages: tuple[JsonObject, ...] = ()
    tools: tuple[JsonObject, ...] = ()
    parameters: JsonObject = field(default_factory=dict)
    context: tuple[str, ...] | None = None
    fail_to_pass: tuple[str, ...] = ()
    pass_to_pass: tuple[str, ...] = ()
    hidden_tests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One located finding. `line` and `column` count from 1; None where the tool gives no place.

    `source` is the offending source line, for feedback. `test` is the id of the test that it explains.
    """

    message: str
    code: str = ""
    severity: Severity = "error"
    path: str | None = None
    line: int | None = None
    column: int | None = None
    source: str | None = None
    test: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRun:
    """What came of each test of one run of a test suite, by test id."""

    tests: Mapping[str, TestStatus] = field(default_factory=dict)
    """Every test that ran. skipped: by the tests themselves, or an expected failure."""
    collected: int = 0
    """How many tests there are, those that did not run included."""
    files: tuple[str, ...] = ()
    """Test files that were collected, in the order in which they run."""
    uncollected: tuple[str, ...] = ()
    """Test files that could not be collected."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Failed tests whose error is one that the sandbox gives: the error."""
    complete: bool = True
    """False: a limit ended the run before its tests had all run."""
    wall_s: float = 0.0
    """Seconds that the run took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """How a report differs from the baseline: ids of tests, and findings that were there before."""

    fixed: tuple[str, ...] = ()
    """Failed before and pass now."""
    broken: tuple[str, ...] = ()
    """Passed before and fail now."""
    missing: tuple[str, ...] = ()
    """Passed before and did not run now."""
    still_failing: tuple[str, ...] = ()
    """Failed before and fail now: no fault of the answer."""
    new_failing: tuple[str, ...] = ()
    """Fail now, and were not there before."""
    unfixed: tuple[str, ...] = ()
    """Had to pass (`fail_to_pass`, `pass_to_pass`, the task's own tests) and do not."""
    findings_before: int = 0
    """Findings that the untouched workspace has too; they are left out of the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one validator says. `detail` says why, where the status alone does not (above all: unchecked).

    `run` is what came of each test, for whoever compares two runs; a verdict holds `changes` instead.
    """

    name: str
    status: CheckStatus
    latency_s: float = 0.0
    diagnostics: tuple[Diagnostic, ...] = ()
    detail: str | None = None
    run: SuiteRun | None = None
    changes: Changes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The validators' answer taken together.

    failed if any failed; else unchecked if any could not check (or none ran); else passed. `skipped` names
    the validators that had nothing to check, and why: they are no part of the status.
    """

    status: CheckStatus
    reports: tuple[Report, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All findings of all validators, in the order in which they ran."""
        return tuple(found for report in self.reports for found in report.diagnostics)

    @classmethod
    def of(cls, reports: Sequence[Report], *, skipped: Mapping[str, str] | None = None) -> Verdict:
        """Fold reports into one verdict."""
        statuses = {report.status for report in reports}
        status: CheckStatus = "passed"
        if "failed" in statuses:
            status = "failed"
        elif "unchecked" in statuses or not statuses:
            status = "unchecked"
        return cls(status=status, reports=tuple(reports), skipped=dict(skipped or {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens by class. `input` includes `cached_input` and `cache_write_tokens`; `output` includes `reasoning`."""

    input: int = 0
    """All tokens of the request."""
    cached_input: int = 0
    """Of them read from the provider's prefix cache."""
    output: int = 0
    """All tokens of the answer."""
    reasoning: int = 0
    """Of them thoughts."""
    estimated: bool = False
    """The provider reported no counts, or not all, and they were inferred."""
    cache_write_tokens: int = 0
    """Of the input written to the provider's prefix cache, where that has a price of its own."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input=self.input + other.input,
            cached_input=self.cached_input + other.cached_input,
            output=self.output + other.output,
            reasoning=self.reasoning + other.reasoning,
            estimated=self.estimated or other.estimated,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One request that an endpoint billed, or may have billed: an answer, a failed try, a cut stream.

    `model` is the one that was asked for (the one priced), `at` when the request was sent (UTC). `billing`
    says how `usage` is known: `reported` by the endpoint; `estimated` from what was sent and received;
    `unknown` where nothing came back, so that anything up to the worst case may have been billed; `none`
    where the endpoint certainly billed nothing. `error` is the code of the failure, None for an answer.
    """

    endpoint: str
    model: str
    usage: Usage
    at: datetime
    billing: Billing = "reported"
    error: str | None = None
    latency_s: float = 0.0
    answered_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool call as the model wrote it: `arguments` is the raw text, valid JSON or not."""

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What an answer proposes: its text, the files that were extracted from it, its tool calls."""

    text: str
    files: Mapping[str, str] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    modes: Mapping[str, Mode] = field(default_factory=dict)
    """Modes that the answer gives to files, by path."""
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a judge said of an answer: P(it is right), with its interval and its reasons.

    It is no proof. `accept` is the least P at which an answer that nothing failed is accepted; `others` is P(another
    tier's first attempt passes | this answer), by tier.
    """

    judge: str
    version: str
    p: float
    low: float
    high: float
    reason: str = ""
    accept: float = 0.6
    others: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One generation and its check.

    `number` counts the task's attempts from 1, `node` is the graph's node that made it, `tier_attempt` counts
    those of the same tier. `after` is the tier whose failure was shown (None if nothing was shown), `history` what
    was shown of it. `cost_usd` is None where the price is declared unknown, `unknown_usd` what requests of unknown
    fate may have cost on top. `error` is the code of a `ModelError` if the call failed. `judged` is there where a
    judge was asked.
    """

    number: int
    tier: str
    node: str = "generate"
    tier_attempt: int = 1
    after: str | None = None
    history: History = "none"
    model: str = ""
    answered_by: str | None = None
    endpoint: str = ""
    output: str = ""
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    modes: Mapping[str, Mode] = field(default_factory=dict)
    """Modes that the answer gives to files, by path."""
    patch: str = ""
    """What it does to the workspace (without one: to the task's files), as a unified diff that `git apply` takes."""
    verdict: Verdict | None = None
    judged: Judged | None = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = Decimal(0)
    unknown_usd: Decimal = Decimal(0)
    latency_s: float = 0.0
    first_token_s: float | None = None
    finish_reason: str | None = None
    tries: int = 1
    error: str | None = None
    error_message: str | None = None
    notices: tuple[Notice, ...] = ()
    """What a user should know of it although it did not fail."""

    @property
    def judged_p(self) -> float | None:
        """The judge's P(right) where its word counts: the answer passed, or there was nothing to check.

        A check that failed, or that could not check, stands whatever the judge says.
        """
        if self.judged is None or self.verdict is None or self.error is not None:
            return None
        counts = self.verdict.status == "passed" or not self.verdict.reports
        return self.judged.p if counts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The end of a task: the accepted answer, or the best there is and why it was not accepted.

    `given` is the number of the attempt whose answer it is (None: there is no answer).
    """

    id: str
    status: TaskStatus
    output: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    """Paths that the answer deletes or renames away."""
    patch: str = ""
    """Files, deletions and modes as one unified diff that `git apply` takes in the workspace."""
    tier: str | None = None
    attempts: tuple[Attempt, ...] = ()
    cost_usd: Decimal | None = Decimal(0)
    latency_s: float = 0.0
    reason: str = ""
    error: str | None = None
    given: int | None = None

    @property
    def answer(self) -> Attempt | None:
        """The attempt whose answer this is: its tool calls, usage, model."""
        return next((attempt for attempt in self.attempts if attempt.number == self.given), None)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the answer that is given: the accepted one, or the last that was checked."""
        if self.answer is not None and self.answer.verdict is not None:
            return self.answer.verdict
        checked = [attempt.verdict for attempt in self.attempts if attempt.verdict is not None]
        return checked[-1] if checked else None
