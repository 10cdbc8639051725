"""What the nodes may touch, injected: models, checks, the policy, money, the trace."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, TypeAlias, runtime_checkable

from cascade.background import BackgroundLoop
from cascade.budget import Budget
from cascade.classifiers.base import Classifier
from cascade.context import Contexts
from cascade.forecast import Forecast
from cascade.ledger import Ledger, Pricer
from cascade.models.base import Model
from cascade.models.early import StopRules
from cascade.nodes.prefixes import Prefixes
from cascade.nodes.shadowing import Shadows
from cascade.notices import Notice, Notices
from cascade.policy.base import Policy
from cascade.policy.judge import Judge
from cascade.prompting import DEFAULT_SYSTEM_PROMPT
from cascade.tokens import TokenReports
from cascade.trace.content import ContentRule
from cascade.trace.ids import Scope
from cascade.trace.sink import NullSink, TraceSink
from cascade.types import Candidate, History, Task, Verdict
from cascade.uses import Uses

# A call node's function: the state as JSON types; an outcome, or an outcome and an update; it may be async.
Function: TypeAlias = Callable[[dict[str, Any]], Any]
# What gives the services of the process that asks.
Source: TypeAlias = Callable[[], "Services"]
# A subgraph node's graph: `{"task", "parent"}` in, `{"result"}` out, both as JSON types.
Subgraph: TypeAlias = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Checks(Protocol):
    """The validators taken together: `cascade.validators.suite.Suite` is one."""

    @property
    def names(self) -> tuple[str, ...]:
        """The validators that a task may name."""
        ...

    async def check(self, task: Task, candidate: Candidate) -> Verdict:
        """Check a candidate in a workspace of its own."""
        ...


@runtime_checkable
class Preparable(Protocol):
    """Checks that look at a task's workspace before an answer is paid for."""

    async def prepare(self, task: Task) -> None:
        """Do it. Raises InputError if the workspace cannot be used."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A rung as the nodes see it. `retry_history` and `escalation_history`: what an attempt here is shown.

    `endpoint` is its first one; `endpoints` are all that may answer, fallbacks included (empty: the first alone).
    """

    name: str
    model: Model
    model_name: str
    endpoint: str
    max_output_tokens: int
    endpoints: tuple[str, ...] = ()
    retry_history: History = "diagnostics"
    escalation_history: History = "none"
    deadline_s: float | None = None
    notices: tuple[Notice, ...] = ()
    """What a user should know of every call here, for example whose price is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a run needs. `draw` gives the uniform numbers that exploration uses, `shadows` who gets a shadow.

    `background` is where the nodes run for callers without an event loop, `uses` counts the nodes at work. By the
    names of a declared graph's nodes: `node_policies` of decide nodes, `functions` of call nodes, `subgraphs` of
    subgraph nodes.
    """

    tiers: Mapping[str, Tier]
    classifier: Classifier
    policy: Policy
    checks: Checks
    judge: Judge | None = None
    forecast: Forecast
    ledger: Ledger
    pricer: Pricer
    budget: Budget = field(default_factory=Budget)
    per_task_usd: Decimal | None = None
    per_task_s: float | None = None
    sink: TraceSink = field(default_factory=NullSink)
    run: Scope = field(default_factory=Scope.of_run)
    early_stop: StopRules | None = None
    shadows: Shadows | None = None
    content: ContentRule = "full"
    feedback: Callable[[Verdict], str]
    system_prompt: str = DEFAULT_SYSTEM_PROMPT
    contexts: Contexts = field(default_factory=Contexts)
    prefixes: Prefixes = field(default_factory=Prefixes)
    token_reports: TokenReports = field(default_factory=TokenReports)
    draw: Callable[[], float] = random.random
    notices: Notices = field(default_factory=Notices)
    background: BackgroundLoop = field(default_factory=BackgroundLoop)
    uses: Uses = field(default_factory=Uses)
    node_policies: Mapping[str, Policy] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)
    subgraphs: Mapping[str, Subgraph] = field(default_factory=dict)
