"""OpenAI-compatible endpoints through the `openai` client. Only it and `transport` import that.

Every request streams; its charge is booked however it ends; every failure is a `ModelError`.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cascade.errors import ModelError
from cascade.models.address import beta_url, client_url
from cascade.models.base import Completion, ModelRequest, Observer
from cascade.models.billing import Biller
from cascade.models.body import SLOW_ABOVE, Body, build
from cascade.models.chain import EndpointChain
from cascade.models.client_fault import client_fault
from cascade.models.dialects import Learned, forms_of
from cascade.models.error_body import body_error
from cascade.models.exchange import Exchange
from cascade.models.failures import failure, status_failure
from cascade.models.gate import Clock
from cascade.models.judging import broken_off, judge
from cascade.models.log import log
from cascade.models.preflight import check_endpoint
from cascade.models.queueing import HINT, Queue
from cascade.models.reach import reach_of
from cascade.models.reading import Patience, Reading, ServerFailedError
from cascade.models.spec import EndpointSpec, RetryPolicy
from cascade.models.tokens import CountTokens
from cascade.models.transport import http_library, trusted
from cascade.notices import Notice
from cascade.tokens import estimate_tokens
from cascade.types import Charge

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CONNECTIONS = 1000


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


class OpenAIEndpoint:
    """One endpoint. The client is made at the first call, one for each event loop that calls."""

    def __init__(self, spec: EndpointSpec, *, count: CountTokens = estimate_tokens) -> None:
        check_endpoint(spec)
        self._spec = spec
        self._unopened = False
        self._queue = Queue()
        self._learned = Learned(forms_of(spec.speaks, thinking=spec.thinking))
        self._biller = Biller(spec, count=count)
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI]
        self._clients = weakref.WeakKeyDictionary()

    @property
    def spec(self) -> EndpointSpec:
        """How it was declared."""
        return self._spec

    async def call(self, request: ModelRequest, observe: Observer | None, *, limit_s: float) -> Completion:
        """One streamed request. Raises `ModelError` with its charge."""
        until = time.perf_counter() + limit_s
        refused: tuple[Charge, ...] = ()
        while True:
            body = build(self._spec, request, self._learned)
            try:
                completion = await self._request(body, request, observe, until - time.perf_counter())
            except ModelError as error:
                error.charges = (*refused, *error.charges)
                if not self._learn(error, body, request):
                    raise
                refused = error.charges
            else:
                return replace(completion, charges=(*refused, *completion.charges))

    def _learn(self, error: ModelError, body: Body, request: ModelRequest) -> bool:
        """Whether the server refused a form of the request that it takes in another one: then it gets that."""
        if error.code != "model.request" or error.status not in (400, 422):
            return False
        form = self._learned.learn(error.message, body.request)
        if form is None:
            return False
        request.warn(
            Notice(
                code=f"dialect.{form.replace(' ', '_')}",
                subject=self._spec.name,
                message=f"refused a request, which is sent in another form from now on: {form.replace('_', ' ')}",
                hint="set the tier's `dialect` to spare the first refusal",
            )
        )
        return True

    async def _request(
        self, body: Body, request: ModelRequest, observe: Observer | None, limit_s: float
    ) -> Completion:
        client = self._connected(beta=body.beta)  # importing the client takes longer than many a call
        exchange = Exchange(self._spec, body, unopened=self._unopened)
        if body.estimated_input > SLOW_ABOVE:
            log().warning("cascade.long_request", endpoint=self._spec.name, tokens=body.estimated_input)
            exchange.notice("request.long", f"requests of more than {SLOW_ABOVE:,} tokens are reported slow")
        beside = self._queue.enter()
        failed: ModelError | None = None
        code: str | None = "model.cancelled"
        charge: Charge | None = None
        try:
            failed = await self._guarded(exchange, client, observe, limit_s) or judge(exchange)
            code = failed.code if failed is not None else None
        except ModelError as error:
            failed, code = error, error.code
        finally:
            self._note_queue(exchange, beside)
            charge = self._biller.charge(exchange, code=code, failed=failed)
            request.book(charge)
            for notice in exchange.notices:
                request.warn(notice)
        if failed is not None:
            failed.charges = (charge,)
            failed.usage = None if charge.billing == "unknown" else charge.usage
            raise failed
        return self._completion(exchange, charge)

    def _note_queue(self, exchange: Exchange, beside: int) -> None:
        first = exchange.first_token_s
        waited = exchange.elapsed if first is None else first
        said = self._queue.leave(waited, beside=beside, answered=first is not None)
        if said is not None:
            exchange.notice("request.queued", said, hint=HINT)

    async def aclose(self) -> None:
        """Close the connections of the running event loop; those of others may be in use."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    async def _guarded(
        self, exchange: Exchange, client: AsyncOpenAI, observe: Observer | None, limit_s: float
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
            said = body_error(error.response.text)
            return status_failure(spec, error.status_code, said, error.response.headers)
        except ServerFailedError as error:
            return status_failure(spec, None, error.error, {})
        except (openai.APIConnectionError, http.TransportError, http.DecodingError) as error:
            return self._disconnected(exchange, error)
        except ValueError as error:
            return failure(
                spec,
                "model.malformed",
                f"sent what is not a chat completion stream ({type(error).__name__}: {str(error)[:300]})",
                hint="check that `base_url` is an OpenAI-compatible address that streams",
                retryable=True,
            )
        return None

    async def _stream(self, exchange: Exchange, client: AsyncOpenAI, observe: Observer | None) -> None:
        try:
            stream = await client.chat.completions.create(**exchange.body.arguments)
        except (TypeError, AttributeError, LookupError) as error:  # nothing has come that could be to blame
            raise client_fault(self._spec, error) from error
        exchange.answered = True
        reading = Reading(exchange.assembly, self._patience)
        enough = False
        try:
            async with aclosing(reading.deltas(stream.response.aiter_bytes())) as deltas:
                async for text, reasoning in deltas:
                    if not (text or reasoning):
                        continue
                    if enough and (text + reasoning).strip():
                        exchange.cut = True
                        return
                    if exchange.first_token_s is None:
                        exchange.first_token_s = exchange.elapsed
                    # One more piece is read before cutting: mostly the answer ends here by itself, with its usage.
                    enough = _wants_cut(observe, text, reasoning) or enough
        finally:
            exchange.done = reading.done
            await stream.response.aclose()
        if exchange.assembly.unopened:
            self._unopened = True
            _rethink(observe, exchange.assembly.text)

    @property
    def _patience(self) -> Patience:
        return Patience(idle=self._spec.idle_timeout, queue=self._spec.queue_timeout)

    def _connected(self, *, beta: bool) -> AsyncOpenAI:
        spec, loop = self._spec, asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            for gone in [each for each in list(self._clients) if each.is_closed()]:
                del self._clients[gone]
            client = self._clients[loop] = _client(spec)
        return client.with_options(base_url=beta_url(spec.base_url)) if beta else client

    def _disconnected(self, exchange: Exchange, error: Exception) -> ModelError:
        if exchange.answered:
            return broken_off(self._spec)
        why, unsent, hint = reach_of(error)
        failed = failure(
            self._spec, "model.unreachable", f"cannot be reached: {why}", hint=hint, retryable=True
        )
        failed.is_unsent = unsent
        return failed

    def _timed_out(self, exchange: Exchange, limit_s: float) -> ModelError:
        said = "stopped in the middle of the answer" if exchange.answered else "did not answer"
        return failure(
            self._spec,
            "model.timeout",
            f"{said}: gave up after {min(exchange.elapsed, limit_s):.1f} s",
            hint="raise `timeout` or `idle_timeout`, or lower max_output_tokens",
            retryable=True,
        )

    def _completion(self, exchange: Exchange, charge: Charge) -> Completion:
        got = exchange.assembly
        return Completion(
            text=got.text,
            usage=charge.usage,
            model=got.model or self._spec.model,
            endpoint=self._spec.name,
            finish_reason="cut" if exchange.cut else got.ended_by,
            latency_s=charge.latency_s,
            first_token_s=exchange.first_token_s,
            reasoning=got.reasoning or None,
            tool_calls=got.tool_calls,
            charges=(charge,),
        )


def _client(spec: EndpointSpec) -> AsyncOpenAI:
    import openai

    http = http_library()
    url, query = client_url(spec.base_url)
    timeout = http.Timeout(spec.idle_timeout, connect=spec.connect_timeout)
    return openai.AsyncOpenAI(
        api_key=spec.api_key.reveal() or "none",
        base_url=url,
        default_query=query,
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


def _wants_cut(observe: Observer | None, text: str, reasoning: str) -> bool:
    if observe is None:
        return False
    think = getattr(observe, "reasoning", None)
    if reasoning and think is not None and think(reasoning):
        return True
    return bool(text) and observe(text)


def _rethink(observe: Observer | None, answer: str) -> None:
    """Say that what was handed on as text was a thought, and what the answer is."""
    rethink = getattr(observe, "rethink", None)
    if rethink is not None:
        rethink(answer)


def _no_account_headers() -> dict[str, Any]:
    """The client would send OPENAI_ORG_ID and OPENAI_PROJECT_ID of the environment to any endpoint."""
    import openai

    return {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
