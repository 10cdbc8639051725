"""What a stream that ended without an error lacks to be an answer."""

from __future__ import annotations

import re

from cascade.errors import ModelError
from cascade.models.assembly import Assembly
from cascade.models.exchange import Exchange
from cascade.models.failures import CONTENT_FILTER, failure
from cascade.models.finish import FILTER, LENGTH, is_broken, is_overloaded, meaning
from cascade.models.log import log
from cascade.models.spec import EndpointSpec

_SNAPSHOT = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{4,8}|latest)")  # gpt-4o-2024-08-06, deepseek-v4-pro-0813


def judge(exchange: Exchange) -> ModelError | None:
    """The failure that the exchange is; None if it is an answer."""
    got, spec = exchange.assembly, exchange.spec
    if exchange.cut:
        return None
    if got.chunks == 0:
        return failure(
            spec,
            "model.malformed",
            "answered without a stream of chat completion chunks",
            hint="check `base_url`, and that the server can stream",
            retryable=True,
        )
    return _refused(spec, got) or _ended(exchange) or _blank(spec, got) or _mismatch(exchange)


def same_model(asked: str, answered: str) -> bool:
    """Whether `answered` is `asked`, a dated snapshot of it, or another name of the same model."""
    from cascade.prices import PriceBook

    names = next((m.names for m in PriceBook().table.models if asked in m.names), (asked,))
    return any(answered == name or _SNAPSHOT.fullmatch(answered.removeprefix(name)) for name in names)


def broken_off(spec: EndpointSpec) -> ModelError:
    """The stream ended before the answer did."""
    return failure(
        spec,
        "model.interrupted",
        "ended the stream in the middle of the answer",
        hint="try again; if it persists, look for a proxy that cuts long responses",
        retryable=True,
    )


def _refused(spec: EndpointSpec, got: Assembly) -> ModelError | None:
    if got.finish_reason is not None and meaning(got.finish_reason) == FILTER:
        said = f" ({got.refusal[:200]!r})" if got.refusal else f" (finish reason {got.finish_reason!r})"
        return failure(
            spec,
            CONTENT_FILTER.code,
            f"{CONTENT_FILTER.what}{said}",
            hint=CONTENT_FILTER.hint,
            retryable=False,
        )
    if not got.refusal:
        return None
    return failure(
        spec,
        "model.refused",
        f"refused the content: {got.refusal[:200]!r}",
        hint="rephrase the task, or let another tier take it",
        retryable=False,
    )


def _ended(exchange: Exchange) -> ModelError | None:
    """Whether the model itself ended the answer."""
    reason, spec = exchange.assembly.finish_reason, exchange.spec
    if reason is None:
        if not (exchange.done and exchange.assembly.usage.last is not None):
            return broken_off(spec)
        log().warning("cascade.no_finish_reason", endpoint=spec.name, model=spec.model)
        exchange.notice("answer.no_finish_reason", "gives no finish reason: answers are taken as they came")
        return None
    if meaning(reason) is not None:
        return None
    if is_overloaded(reason):
        return failure(
            spec, "model.overloaded", "broke off for lack of resources", hint="try again", retryable=True
        )
    return failure(
        spec,
        "model.interrupted",
        f"broke off the answer with the finish reason {reason[:80]!r}",
        hint="try again, or add a fallback endpoint to the tier",
        retryable=is_broken(reason),
    )


def _blank(spec: EndpointSpec, got: Assembly) -> ModelError | None:
    if got.text.strip() or got.tool_calls:
        return None
    spent = got.finish_reason is not None and meaning(got.finish_reason) == LENGTH
    return failure(
        spec,
        "model.blank",
        "used all output tokens before the answer began" if spent else "answered with blanks only",
        hint="raise max_output_tokens or lower the thinking effort"
        if spent
        else "in JSON mode show an example of the JSON in the prompt",
        retryable=not spent,
    )


def _mismatch(exchange: Exchange) -> ModelError | None:
    spec, got = exchange.spec, exchange.assembly
    asked = spec.model
    if got.model is None or same_model(asked, got.model) or spec.on_wrong_model == "ignore":
        return None
    log().warning("cascade.wrong_model", endpoint=spec.name, asked=asked, answered=got.model)
    if spec.on_wrong_model == "warn":
        exchange.notice(
            "answer.of_another_model",
            f"was asked for {asked!r} and answers as {got.model!r}; it is priced as {asked!r}",
            hint="correct `model`, or set `on_wrong_model: refuse`, or `ignore` if they are the same",
        )
        return None
    return failure(
        spec,
        "model.wrong_model",
        f"answered as {got.model}",
        hint="correct `model`, or set `on_wrong_model: warn`",
        retryable=False,
    )
