"""Attributes of spans by event: OpenTelemetry's GenAI names, OpenInference's, and our own.

Both sets stand on every span, so that Phoenix, Langfuse and LangSmith read them as well as a plain collector.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from cascade.trace.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    Content,
    NodeFinished,
    PolicyDecided,
    RouteDecided,
    TaskFinished,
    TaskStarted,
    UsageRecord,
    ValidationFinished,
)

Attributes: TypeAlias = dict[str, Any]
PROVIDERS = {"deepseek.com": "deepseek", "openai.com": "openai", "anthropic.com": "anthropic"}


def of_task(started: TaskStarted | None, ended: TaskFinished, *, output: str | None) -> Attributes:
    """The root span: the workflow."""
    text = started.prompt.text if started is not None else None
    return _without_none(
        {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": "cascade",
            "openinference.span.kind": "CHAIN",
            "graph.node.id": "cascade",
            "input.value": text,
            "output.value": output,
            "llm.cost.total": _number(ended.cost_usd),
            "cascade.run.id": ended.run_id,
            "cascade.task.id": ended.task_id,
            "cascade.status": ended.status,
            "cascade.tier": ended.tier,
            "cascade.attempts": ended.attempts,
            "cascade.cost.usd": _number(ended.cost_usd),
            "cascade.reason": ended.reason,
        }
    )


def of_attempt(started: AttemptStarted | None, ended: AttemptFinished | AttemptFailed) -> Attributes:
    """One call to a model."""
    finished = ended if isinstance(ended, AttemptFinished) else None
    reason = finished.finish_reason if finished is not None else None
    host = ended.endpoint.partition("@")[2].partition("#")[0]
    return _without_none(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider(host),
            "gen_ai.request.model": ended.model,
            "gen_ai.response.model": finished.answered_by if finished is not None else None,
            "gen_ai.response.finish_reasons": (reason,) if reason else None,
            "server.address": host or None,
            "openinference.span.kind": "LLM",
            "llm.model_name": (finished.answered_by if finished is not None else None) or ended.model,
            "llm.provider": provider(host),
            "llm.cost.total": _number(ended.cost_usd),
            "error.type": None if finished is not None else ended.code,  # type: ignore[union-attr]  # it failed
            "cascade.attempt": ended.attempt,
            "cascade.tier": ended.tier,
            "cascade.tier_attempt": ended.tier_attempt,
            "cascade.history": ended.history,
            "cascade.after": ended.after,
            "cascade.tries": ended.tries,
            "cascade.shadow": ended.shadow or None,
            "cascade.cost.usd": _number(ended.cost_usd),
            "cascade.cost.unknown_usd": float(ended.unknown_usd),
            **_usage(ended.usage),
            **_messages(started, finished),
        }
    )


def provider(host: str) -> str | None:
    """The provider's well-known name by its host; else the host."""
    known = (name for suffix, name in PROVIDERS.items() if host == suffix or host.endswith(f".{suffix}"))
    return next(known, host or None)


def _usage(usage: UsageRecord | None) -> Attributes:
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.input,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_input,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
        "llm.token_count.prompt": usage.input,
        "llm.token_count.completion": usage.output,
        "llm.token_count.total": usage.input + usage.output,
        "llm.token_count.prompt_details.cache_read": usage.cached_input,
        "llm.token_count.prompt_details.cache_write": usage.cache_write_tokens,
        "llm.token_count.completion_details.reasoning": usage.reasoning,
    }


def _messages(started: AttemptStarted | None, finished: AttemptFinished | None) -> Attributes:
    """What was said, where the content rule kept it."""
    told: Attributes = {}
    sent = started.messages if started is not None and isinstance(started.messages, list) else []
    for number, message in enumerate(sent):
        if isinstance(message, Mapping):
            told[f"llm.input_messages.{number}.message.role"] = str(message.get("role", ""))
            told[f"llm.input_messages.{number}.message.content"] = str(message.get("content") or "")
    answer = text_of(finished.output) if finished is not None else None
    if answer is not None:
        told["llm.output_messages.0.message.role"] = "assistant"
        told["llm.output_messages.0.message.content"] = answer
        told["output.value"] = answer
    return told


def text_of(content: Content | None) -> str | None:
    """A text that the content rule kept."""
    return content.text if content is not None else None


def of_route(event: RouteDecided) -> Attributes:
    """The classifier's estimate and the first tier."""
    probabilities = {f"cascade.probability.{tier}": p for tier, p in event.probabilities.items()}
    return _without_none(
        {
            "openinference.span.kind": "DECISION",
            "cascade.classifier": event.classifier,
            "cascade.tier": event.tier,
            "cascade.propensity": event.propensity,
            "cascade.explored": event.explored,
            "cascade.reason": event.reason,
            **probabilities,
        }
    )


def of_validation(event: ValidationFinished) -> Attributes:
    """A verdict."""
    statuses = {f"cascade.validator.{one.name}": one.status for one in event.validators}
    return _without_none(
        {
            "openinference.span.kind": "EVALUATOR",
            "cascade.attempt": event.attempt,
            "cascade.tier": event.tier,
            "cascade.verdict": event.verdict,
            "cascade.diagnostics": sum(len(one.diagnostics) for one in event.validators),
            "cascade.judge": event.judged.judge if event.judged is not None else None,
            "cascade.judge.version": event.judged.version if event.judged is not None else None,
            "cascade.judged.p": event.judged.p if event.judged is not None else None,
            "cascade.shadow": event.shadow or None,
            **statuses,
        }
    )


def of_decision(event: PolicyDecided) -> Attributes:
    """The policy's next step."""
    return _without_none(
        {
            "openinference.span.kind": "DECISION",
            "cascade.policy": event.policy,
            "cascade.action": event.action,
            "cascade.tier": event.tier,
            "cascade.propensity": event.propensity,
            "cascade.explored": event.explored,
            "cascade.reason": event.reason,
        }
    )


def of_node(event: NodeFinished) -> Attributes:
    """A node of a declared graph."""
    return {
        "openinference.span.kind": "GUARDRAIL" if event.kind == "human" else "CHAIN",
        "cascade.node.kind": event.kind,
        "cascade.outcome": event.outcome,
    }


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _without_none(attributes: Attributes) -> Attributes:
    return {key: value for key, value in attributes.items() if value is not None}
