"""OpenAI-compatible endpoints through the `openai` client. Only it and `transport` import that.

Every request streams; its charge is booked however it ends; every failure is a `ModelError`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cascade.errors import ModelError
from cascade.models.assembly import Assembly
from cascade.models.base import Completion, ModelRequest, Observer
from cascade.models.body import SLOW_ABOVE, Body, build
from cascade.models.chain import EndpointChain
from cascade.models.counting import UsageCounter
from cascade.models.failures import failure, status_failure
from cascade.models.gate import Clock
from cascade.models.log import log
from cascade.models.spec import EndpointSpec, RetryPolicy
from cascade.models.tokens import CountTokens, estimate_tokens
from cascade.models.transport import http_library, trusted
from cascade.types import Billing, Charge, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CONNECTIONS = 1000
_SNAPSHOT = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{4,8}|latest)")  # gpt-4o-2024-08-06, deepseek-v4-pro-0813
GATEWAY = frozenset({408, 502, 504})  # said by what stands between; the backend may have worked, and billed


class OpenAIModel(EndpointChain):
    """A tier behind one or several OpenAI-compatible endpoints: the first, then its fallbacks in order.

    Raises `ModelError` from `generate`; see docs/models.md for codes. `count` estimates tokens where a server
    reports none.
    """

    def __init__(
        self,
        spec: EndpointSpec,
        *fallbacks: EndpointSpec,
        retry: RetryPolicy | None = None,
        clock: Clock | None = None,
        count: CountTokens = estimate_tokens,
    ) -> None:
        endpoints = [OpenAIEndpoint(each, count=count) for each in (spec, *fallbacks)]
        super().__init__(endpoints, retry=retry, clock=clock)


@dataclass(slots=True)
class _Exchange:
    """One request and what has come of it."""

    spec: EndpointSpec
    body: Body
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.perf_counter)
    answered: bool = False
    cut: bool = False
    first_token_s: float | None = None
    assembly: Assembly = field(default_factory=Assembly)

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self.started


class OpenAIEndpoint:
    """One endpoint. The client is made at the first call, one for each event loop that calls."""

    def __init__(self, spec: EndpointSpec, *, count: CountTokens = estimate_tokens) -> None:
        self._spec = spec
        self._counter = UsageCounter(count)
        self._client: AsyncOpenAI | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def spec(self) -> EndpointSpec:
        """How it was declared."""
        return self._spec

    async def call(self, request: ModelRequest, observe: Observer | None, *, limit_s: float) -> Completion:
        """One streamed request. Raises `ModelError` with its charge."""
        body = build(self._spec, request)
        if body.estimated_input > SLOW_ABOVE:
            log().warning("cascade.long_request", endpoint=self._spec.name, tokens=body.estimated_input)
        client = self._connected(beta=body.beta)  # importing the client takes longer than many a call
        exchange = _Exchange(self._spec, body)
        failed: ModelError | None = None
        code: str | None = "model.cancelled"
        charge: Charge | None = None
        try:
            failed = await self._guarded(exchange, client, observe, limit_s)
            failed = failed or self._judge(exchange)
            code = failed.code if failed is not None else None
        finally:
            charge = self._charge(exchange, code, failed)
            request.book(charge)
        if failed is not None:
            failed.charges = (charge,)
            failed.usage = None if charge.billing == "unknown" else charge.usage
            raise failed
        return self._completion(exchange, charge)

    async def aclose(self) -> None:
        """Close the connections. A client of an event loop that is gone is let go of."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.close()

    async def _guarded(
        self, exchange: _Exchange, client: AsyncOpenAI, observe: Observer | None, limit_s: float
    ) -> ModelError | None:
        """Run the stream; what goes wrong comes back as a value, so that no client's exception is chained."""
        import openai

        spec, http = self._spec, http_library()
        try:
            async with asyncio.timeout(limit_s):
                await self._stream(exchange, client, observe)
        except (TimeoutError, openai.APITimeoutError, http.TimeoutException):
            return self._timed_out(exchange, limit_s)
        except openai.APIStatusError as error:
            return status_failure(spec, error.status_code, _said(error), error.response.headers)
        except (openai.APIConnectionError, http.TransportError, http.DecodingError) as error:
            return self._disconnected(exchange, error)
        except openai.APIError as error:  # an error event within the stream
            return failure(
                spec,
                "model.server",
                f"broke off with: {_said(error)[:300]}",
                hint="try again",
                retryable=True,
            )
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            return failure(
                spec,
                "model.malformed",
                f"sent what is not a chat completion stream ({type(error).__name__}: {str(error)[:120]})",
                hint="check that `base_url` is an OpenAI-compatible address that streams",
                retryable=True,
            )
        return None

    async def _stream(self, exchange: _Exchange, client: AsyncOpenAI, observe: Observer | None) -> None:
        stream = await client.chat.completions.create(**exchange.body.arguments)
        exchange.answered = True
        enough = False
        try:
            async for text, reasoning in _deltas(stream, exchange):
                if enough and (text + reasoning).strip():
                    exchange.cut = True
                    return
                if exchange.first_token_s is None:
                    exchange.first_token_s = exchange.elapsed
                # One more piece is read before cutting: mostly the answer ends here by itself, with its usage.
                enough = _wants_cut(observe, text, reasoning) or enough
        finally:
            await stream.close()

    def _connected(self, *, beta: bool) -> AsyncOpenAI:
        import openai

        loop = asyncio.get_running_loop()
        spec, http = self._spec, http_library()
        if self._client is None or self._loop is not loop:
            timeout = http.Timeout(spec.idle_timeout, connect=spec.connect_timeout)
            self._loop = loop
            self._client = openai.AsyncOpenAI(
                api_key=spec.api_key.reveal() or "none",
                base_url=spec.base_url,
                max_retries=0,
                timeout=timeout,
                default_headers={**_no_account_headers(), **spec.headers},
                http_client=openai.DefaultAsyncHttpxClient(
                    timeout=timeout,
                    follow_redirects=False,
                    verify=trusted(),
                    limits=http.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
                ),
            )
        if beta and not spec.base_url.rstrip("/").endswith("/beta"):
            return self._client.with_options(base_url=spec.base_url.rstrip("/") + "/beta")
        return self._client

    def _judge(self, exchange: _Exchange) -> ModelError | None:
        """What a stream that ended without an error lacks."""
        got, spec = exchange.assembly, self._spec
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
        if got.refusal or got.finish_reason == "content_filter":
            return failure(
                spec,
                "model.refused",
                f"refused the content: {(got.refusal or got.text)[:200]!r}",
                hint="rephrase the task, or let another tier take it",
                retryable=False,
            )
        if got.finish_reason == "insufficient_system_resource":
            return failure(
                spec, "model.overloaded", "broke off for lack of resources", hint="try again", retryable=True
            )
        if got.finish_reason is None:
            return self._broken_off()
        return self._blank(got) or self._mismatch(got)

    def _blank(self, got: Assembly) -> ModelError | None:
        if got.text.strip() or got.tool_calls:
            return None
        spent = got.finish_reason == "length"
        return failure(
            self._spec,
            "model.blank",
            "used all output tokens before the answer began" if spent else "answered with blanks only",
            hint="raise max_output_tokens or lower the thinking effort"
            if spent
            else "in JSON mode show an example of the JSON in the prompt",
            retryable=not spent,
        )

    def _mismatch(self, got: Assembly) -> ModelError | None:
        asked = self._spec.model
        if got.model is None or same_model(asked, got.model) or self._spec.on_wrong_model == "ignore":
            return None
        log().warning("cascade.wrong_model", endpoint=self._spec.name, asked=asked, answered=got.model)
        if self._spec.on_wrong_model == "warn":
            return None
        return failure(
            self._spec,
            "model.wrong_model",
            f"answered as {got.model}",
            hint="correct `model`, or set `on_wrong_model: warn`",
            retryable=False,
        )

    def _broken_off(self) -> ModelError:
        return failure(
            self._spec,
            "model.interrupted",
            "ended the stream in the middle of the answer",
            hint="try again; if it persists, look for a proxy that cuts long responses",
            retryable=True,
        )

    def _disconnected(self, exchange: _Exchange, error: Exception) -> ModelError:
        if exchange.answered:
            return self._broken_off()
        cause = type(error.__cause__ or error).__name__
        return failure(
            self._spec,
            "model.unreachable",
            f"cannot be reached or hung up before it answered ({cause})",
            hint="check `base_url`, network and proxy, and that the server runs",
            retryable=True,
        )

    def _timed_out(self, exchange: _Exchange, limit_s: float) -> ModelError:
        said = "stopped in the middle of the answer" if exchange.answered else "did not answer"
        return failure(
            self._spec,
            "model.timeout",
            f"{said}: gave up after {min(exchange.elapsed, limit_s):.1f} s",
            hint="raise `timeout` or `idle_timeout`, or lower max_output_tokens",
            retryable=True,
        )

    def _charge(self, exchange: _Exchange, code: str | None, failed: ModelError | None) -> Charge:
        billing, usage = self._billed(exchange, failed)
        return Charge(
            endpoint=self._spec.name,
            model=self._spec.model,
            usage=usage,
            at=exchange.at,
            billing=billing,
            error=code,
            latency_s=exchange.elapsed,
            answered_by=exchange.assembly.model,
        )

    def _billed(self, exchange: _Exchange, failed: ModelError | None) -> tuple[Billing, Usage]:
        if not exchange.answered:
            return ("none" if failed is not None and _unbilled(failed) else "unknown"), Usage()
        if exchange.assembly.chunks == 0:  # it answered something that could not be read
            return "unknown", Usage()
        got, body = exchange.assembly, exchange.body
        return self._counter.billed(got, body.estimated_input)

    def _completion(self, exchange: _Exchange, charge: Charge) -> Completion:
        got = exchange.assembly
        return Completion(
            text=got.text,
            usage=charge.usage,
            model=got.model or self._spec.model,
            endpoint=self._spec.name,
            finish_reason="cut" if exchange.cut else got.finish_reason,
            latency_s=charge.latency_s,
            first_token_s=exchange.first_token_s,
            reasoning=got.reasoning or None,
            tool_calls=got.tool_calls,
            charges=(charge,),
        )


def same_model(asked: str, answered: str) -> bool:
    """Whether `answered` is `asked`, a dated snapshot of it, or another name of the same model."""
    from cascade.prices import PriceBook

    names = next((m.names for m in PriceBook().table.models if asked in m.names), (asked,))
    return any(answered == name or _SNAPSHOT.fullmatch(answered.removeprefix(name)) for name in names)


async def _deltas(stream: Any, exchange: _Exchange) -> AsyncIterator[tuple[str, str]]:
    async for chunk in stream:
        text, reasoning = exchange.assembly.feed(chunk)
        if text or reasoning:
            yield text, reasoning


def _wants_cut(observe: Observer | None, text: str, reasoning: str) -> bool:
    if observe is None:
        return False
    think = getattr(observe, "reasoning", None)
    if reasoning and think is not None and think(reasoning):
        return True
    return bool(text) and observe(text)


def _said(error: Any) -> str:
    """The server's own words, if it had any."""
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        message = inner.get("message") if isinstance(inner, dict) else inner
        return str(message) if message else ""
    return body if isinstance(body, str) else ""


def _unbilled(failed: ModelError) -> bool:
    """Whether it is certain that nothing was billed: refused by the endpoint itself, or never sent."""
    if failed.status is not None:
        return failed.status not in GATEWAY
    return failed.code == "model.unreachable" and "(ConnectError)" in failed.message


def _no_account_headers() -> dict[str, Any]:
    """The client would send OPENAI_ORG_ID and OPENAI_PROJECT_ID of the environment to any endpoint."""
    import openai

    return {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
