"""A scripted OpenAI-compatible server: real HTTP on loopback, with a log of what it was asked and billed.

    async with ScriptedServer("```python\\nprint(1)\\n```") as server:
        model = OpenAIModel(EndpointSpec(name="flash", model="m", base_url=server.base_url))

What it bills: nothing before the head of a successful response, then the whole input, and of the output what
it has sent. Its tokens are those of the reply's `usage`, or counted by `count`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from cascade.models.recording import load_recordings
from cascade.models.scripted import Reply
from cascade.models.tokens import CountTokens, estimate_input
from cascade.testing.faults import Fault, Faults, no_faults
from cascade.testing.log import Logged, total_billed
from cascade.testing.lookup import RecordingLookup
from cascade.testing.prefix_cache import PrefixCache, text_of
from cascade.testing.sse import Pieces
from cascade.testing.wire import Connection, HttpRequest, Packer
from cascade.tokens import estimate_tokens
from cascade.types import Usage

Script: TypeAlias = "str | Reply | Sequence[str | Reply] | Callable[[Logged], str | Reply]"


class ScriptedServer:
    """Answers chat completions by a script, streamed or not.

    script: one answer for all, a sequence (the last one repeated), or a function of the logged call. faults: by
    call number. cache: bills what it holds as cached input. key: if set, other keys get 401. piece: characters a
    chunk; pace_s: pause between chunks.
    """

    def __init__(
        self,
        script: Script = "ok",
        *,
        faults: Faults = no_faults,
        key: str | None = None,
        piece: int = 12,
        pace_s: float = 0.0,
        count: CountTokens = estimate_tokens,
        cache: PrefixCache | None = None,
    ) -> None:
        self.log: list[Logged] = []
        self.faults = faults
        self.port = 0
        self._script = script
        self._key = key
        self._piece = piece
        self._pace_s = pace_s
        self._count = count
        self._cache = cache
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @classmethod
    def from_recording(
        cls, *paths: Path | str, models: Mapping[str, str] | None = None, **options: Any
    ) -> ScriptedServer:
        """Serve recordings: the answer is looked up by the messages and by what was asked before on the task.

        models: the recording's name for each model that is asked for (None: the same names).
        """
        return cls(RecordingLookup(load_recordings(paths), models or {}), **options)

    @property
    def base_url(self) -> str:
        """What to put into `base_url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def billed(self) -> Usage:
        """All that was billed."""
        return total_billed(self.log)

    async def __aenter__(self) -> ScriptedServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        """Listen, on the former port after `stop`, else on a free one."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", port or self.port, limit=2**20, backlog=2048
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections and end those that are open."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
        connection = Connection(reader, writer)
        try:
            while (request := await connection.read()) is not None and await self._serve(connection, request):
                pass
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass  # the client hung up, or the server stops
        finally:
            if task is not None:
                self._open.discard(task)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, connection: Connection, request: HttpRequest) -> bool:
        """Answer one request; whether the connection stays open."""
        if request.method == "GET" and request.path.endswith("/models"):
            await connection.send_json(200, {"object": "list", "data": []})
            return True
        if not request.path.endswith("/chat/completions"):
            await connection.send_json(404, {"error": {"message": f"no such path: {request.path}"}})
            return True
        call = Logged(
            number=len(self.log) + 1,
            at=datetime.now(UTC),
            headers=request.headers,
            body=request.body,
            document=request.document,
            path=request.path,
        )
        self.log.append(call)
        call.fault = self.faults(call.number)
        if self._key is not None and request.headers.get("authorization") != f"Bearer {self._key}":
            return await self._refuse(connection, call, Fault.of_status(401, message="wrong API key"))
        if call.fault is not None and call.fault.kind == "status":
            return await self._refuse(connection, call, call.fault)
        try:
            reply = self._reply(call)
        except LookupError as error:
            return await self._refuse(connection, call, Fault.of_status(400, message=str(error)))
        return await self._answer(connection, call, reply)

    async def _refuse(self, connection: Connection, call: Logged, fault: Fault) -> bool:
        call.status = fault.status
        await connection.send_json(
            fault.status, {"error": {"message": fault.message, "type": "scripted"}}, fault.headers
        )
        return True

    async def _answer(self, connection: Connection, call: Logged, reply: Reply) -> bool:
        fault = call.fault
        if fault is not None and fault.kind == "reset_before_headers":
            connection.reset()
            return False
        if fault is not None and fault.kind == "stall_before_headers":
            await asyncio.sleep(3600)
        usage = reply.usage or self._usage(call, reply)
        pieces = Pieces.of(call.document, reply, usage, fault=fault, size=self._piece)
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        call.status = 200
        call.billed = replace(usage, output=0, reasoning=0)
        if not call.document.get("stream") or (fault is not None and fault.kind == "not_a_stream"):
            call.billed = usage
            await connection.send_json(200, pieces.whole())
            self._ended(call)
            return True
        return await self._stream(connection, call, pieces, usage)

    async def _stream(self, connection: Connection, call: Logged, pieces: Pieces, usage: Usage) -> bool:
        fault = call.fault
        packer = Packer(packs=fault is not None and fault.kind == "gzip")
        await connection.begin(_stream_headers(fault))
        sent = ""
        for number, (line, text) in enumerate(pieces.lines()):
            if fault is not None and number == fault.after:
                broken = await self._break(connection, fault, line)
                if broken is not None:
                    return broken
            pause = fault.delay_s if fault is not None and fault.kind == "drip" else self._pace_s
            if pause:
                await asyncio.sleep(pause)
            await connection.chunk(packer.pack(line))
            sent += text
            call.billed = self._billed_so_far(usage, sent, pieces)
        await connection.chunk(packer.end())
        await connection.end()
        call.billed = usage
        self._ended(call)
        return True

    async def _break(self, connection: Connection, fault: Fault, line: bytes) -> bool | None:
        """Go wrong in mid-stream. Whether the connection stays open; None: go on, this fault is of another kind."""
        if fault.kind == "reset_mid_stream":
            await asyncio.sleep(0.03)  # let the client read: a reset throws away what it has not
            connection.reset()
        elif fault.kind == "stall_mid_stream":
            await asyncio.sleep(3600)
        elif fault.kind == "half_line":
            await connection.chunk(line[: len(line) // 2])
        elif fault.kind == "cut_off":
            await connection.end()
        elif fault.kind == "invalid_json":
            await connection.chunk(b"data: {broken\n\n")
        elif fault.kind == "error_event":
            await connection.chunk(b'data: {"error": {"message": "engine died", "code": 500}}\n\n')
        elif fault.kind == "bad_gzip":
            await connection.chunk(b"this is not gzip at all, whatever the header says")
        else:
            return None
        return False

    def _billed_so_far(self, usage: Usage, sent: str, pieces: Pieces) -> Usage:
        whole = len(pieces.content)
        if pieces.counted:
            output = self._count(sent) if sent else 0
        else:
            output = round(usage.output * len(sent) / whole) if whole else usage.output
        return replace(usage, output=min(output, usage.output), reasoning=min(usage.reasoning, output))

    def _reply(self, call: Logged) -> Reply:
        script = self._script
        if callable(script):
            answer = script(call)
        elif isinstance(script, (str, Reply)):
            answer = script
        else:
            answer = script[min(call.number, len(script)) - 1]
        return Reply(text=answer) if isinstance(answer, str) else answer

    def _usage(self, call: Logged, reply: Reply) -> Usage:
        calls = "".join(each.name + each.arguments for each in reply.tool_calls)
        made = reply.text + (reply.reasoning or "") + calls
        sent = estimate_input(call.messages, call.document.get("tools") or (), count=self._count)
        return Usage(
            input=sent,
            cached_input=self._cached(call, sent),
            output=self._count(made) if made else 0,
            reasoning=self._count(reply.reasoning) if reply.reasoning else 0,
        )

    def _cached(self, call: Logged, sent: int) -> int:
        """Tokens of the request that the cache holds: its share of the characters."""
        if self._cache is None:
            return 0
        held = self._cache.cached_chars(str(call.document.get("model")), call.messages)
        return sent * held // max(1, len(text_of(call.messages)))

    def _ended(self, call: Logged) -> None:
        call.completed = True
        if self._cache is not None:
            self._cache.add(str(call.document.get("model")), call.messages)


def _stream_headers(fault: Fault | None) -> dict[str, str]:
    headers = {"content-type": "text/event-stream"}
    if fault is not None and fault.kind in {"gzip", "bad_gzip"}:
        headers["content-encoding"] = "gzip"
    return headers
