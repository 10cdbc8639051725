"""A cascade as server-sent events: live where nothing is checked, else when the answer stands.

An answer that may be replaced is not sent, since a chunk cannot be taken back: while it is made and checked the
stream carries comments, which clients pass over. Where nothing is to be checked the first answer is the last, and
goes out as it comes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from cascade.api import Cascade
from cascade.codec import dump_json
from cascade.errors import CascadeError
from cascade.events import AttemptStarted, Delta, Event, Finished, ThoughtDelta, Validated
from cascade.server.answers import chunk, error_body, failure, finish_reason, message, usage
from cascade.server.replies import header_value
from cascade.toolchoice import is_older_protocol
from cascade.types import Result, Task

DONE = b"data: [DONE]\n\n"
PIECE = 512  # characters of a checked answer in one chunk


class ChatStream:
    """One streamed completion. `live` sends pieces as the model writes them."""

    def __init__(
        self, cascade: Cascade, task: Task, *, model: str, live: bool, usage: bool, keep_alive_s: float
    ) -> None:
        self._cascade = cascade
        self._task = task
        self._model = model
        self._live = live
        self._usage = usage
        self._keep_alive_s = keep_alive_s
        self._created = int(time.time())
        self._sent = 0
        self._thought = 0

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        """The stream's bytes. Closing it cancels the call."""
        yield self._chunk({"role": "assistant", "content": ""})
        try:
            async with aclosing(_paced(self._cascade.stream(self._task), self._keep_alive_s)) as events:
                async for event in events:
                    if _breaks(event) and (self._sent or self._thought):
                        yield _data(
                            error_body("the answer broke off", code="stream_broken", kind="server_error")
                        )
                        return
                    for line in self._lines(event):
                        yield line
        except CascadeError as error:
            yield _data(error_body(error.message, code=error.code, kind="server_error"))
        yield DONE

    def _lines(self, event: Event | None) -> list[bytes]:
        if isinstance(event, Delta | ThoughtDelta):
            return self._said(event) if self._live else []
        if isinstance(event, Finished):
            return self._end(event.result)
        if isinstance(event, AttemptStarted):
            return [b": attempt %d at %s\n\n" % (event.number, header_value(event.tier).encode())]
        if isinstance(event, Validated):
            judged = "" if event.judged is None else f", judged {event.judged.p:.2f} likely right"
            return [f": checked: {event.verdict.status}{judged}\n\n".encode()]
        return [b": working\n\n"] if event is None else []

    def _said(self, event: Delta | ThoughtDelta) -> list[bytes]:
        if isinstance(event, ThoughtDelta):
            self._thought += len(event.text)
            return [self._chunk({"reasoning_content": event.text})]
        if event.was_thought and self._sent:
            return []  # a chunk cannot be taken back
        self._sent += len(event.text)
        return [self._chunk({"content": event.text})]

    def _end(self, result: Result) -> list[bytes]:
        """What is left to be sent of the answer, why it ended, and what it took."""
        failed = failure(result)
        if failed is not None:
            return [_data(failed[1])]
        older = is_older_protocol(self._task)
        said = message(result, older=older)
        text = "" if self._sent else said["content"] or ""
        lines = [self._chunk({"content": text[at : at + PIECE]}) for at in range(0, len(text), PIECE)]
        if "reasoning_content" in said and not (self._thought or self._sent):
            lines.insert(0, self._chunk({"reasoning_content": said["reasoning_content"]}))
        for index, call in enumerate(said.get("tool_calls", ())):
            lines.append(self._chunk({"tool_calls": [{"index": index, **call}]}))
        if "function_call" in said:
            lines.append(self._chunk({"function_call": said["function_call"]}))
        lines.append(self._chunk({}, finish_reason=finish_reason(result.answer, older=older)))
        if self._usage:
            lines.append(self._chunk(None, usage=usage(result)))
        return lines

    def _chunk(self, delta: dict[str, Any] | None, **more: Any) -> bytes:
        made = chunk(self._task.id, model=self._model, created=self._created, delta=delta, **more)
        return _data(made)


def _breaks(event: Event | None) -> bool:
    """Whether what was sent so far is void."""
    return isinstance(event, Delta) and event.restarted and not event.was_thought


def _data(document: dict[str, Any]) -> bytes:
    return b"data: " + dump_json(document) + b"\n\n"


async def _paced(events: AsyncGenerator[Event], pause_s: float) -> AsyncGenerator[Event | None]:
    """The events, and None whenever none came for so many seconds."""
    async with aclosing(events):
        waiting: asyncio.Task[Event] | None = None
        try:
            while True:
                waiting = waiting or asyncio.ensure_future(anext(events))
                done, _ = await asyncio.wait({waiting}, timeout=pause_s)
                if not done:
                    yield None
                    continue
                try:
                    event = waiting.result()
                except StopAsyncIteration:
                    return
                finally:
                    waiting = None
                yield event
        finally:
            if waiting is not None:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
