"""Where events go: the protocol, a JSON-lines file that survives a crash, memory, nowhere."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from cascade.codec import dump_json
from cascade.errors import StorageError
from cascade.forks import ForkAware, follow_forks
from cascade.storage import require_still_there
from cascade.trace.chain import Chain, split_link
from cascade.trace.content import Redactor
from cascade.trace.events import Event

DURABLE = frozenset({"run.started", "attempt.started", "attempt.retried", "task.finished", "run.finished"})


class TraceSink(Protocol):
    """Takes events in the order in which things happened. Found by entry point in `cascade.trace_sinks`."""

    def emit(self, event: Event) -> None:
        """Take one event. Returns when it would survive a crash of this process."""
        ...

    def flush(self) -> None:
        """Bring everything to stable storage."""
        ...

    def close(self) -> None:
        """Flush and release. May be called more than once."""
        ...


class NullSink:
    """Keeps nothing."""

    def emit(self, event: Event) -> None:
        """Drop it."""

    def flush(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


class MemorySink:
    """Keeps events in a list, for tests and for reports that need no file."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Append it."""
        self.events.append(event)

    def flush(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


class JsonLinesSink(ForkAware):
    """Appends to a JSON-lines file, one writer at a time, secrets masked. Any number of threads may emit.

    Every event is handed to the operating system at once; those of `DURABLE` are also synced to disk (if
    `sync`), above all `attempt.started` before its call. A line that a crash tore is cut off when the file is
    opened again; `repaired_bytes` says how long it was. Each line ends with a digest of itself and of the line
    before (`cascade.trace.chain`), signed if there is a `signing_key`. The file stays with the process that opened
    it: in a forked child the sink is closed.

    Raises `StorageError`: `storage.locked` if another run writes to the file, `storage.write` if the disk
    refuses, `storage.gone` on closing if the file is no longer where it was opened.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        secrets: Iterable[str] = (),
        sync: bool = True,
        signing_key: bytes | None = None,
    ) -> None:
        import structlog

        self.path = Path(path)
        self._sync = sync
        self._redactor = Redactor(secrets)
        self._lock = threading.RLock()
        self._file: BinaryIO | None = _open_locked(self.path)
        self.repaired_bytes, last = _repair_tail(self._file)
        self._chain = Chain(split_link(last).chain or "", key=signing_key)
        self._logger = structlog.wrap_logger(
            structlog.BytesLogger(self._file),
            processors=[self._mask, self._render],
            wrapper_class=structlog.BoundLogger,
        )
        self._inherited: BinaryIO | None = None
        follow_forks(self)

    def emit(self, event: Event) -> None:
        """Write one line; sync it if the event must not be lost."""
        with self._lock:
            if self._file is None:
                raise StorageError(f"the trace {self.path} is closed", code="storage.closed")
            try:
                self._logger.msg(**event.model_dump(mode="json"))
                if self._sync and event.event in DURABLE:
                    os.fsync(self._file.fileno())
            except OSError as error:
                raise self._refused(error) from error

    def flush(self) -> None:
        """Sync to disk."""
        with self._lock:
            if self._file is None:
                return
            try:
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                raise self._refused(error) from error

    def close(self) -> None:
        """Sync, release the lock, close. A second call does nothing.

        Raises `StorageError` (`storage.gone`) if the file was removed or replaced while it was written.
        """
        with self._lock:
            if self._file is None:
                return
            try:
                self.flush()
                require_still_there(self.path, self._file.fileno(), what="trace")
            finally:
                file, self._file = self._file, None
                with suppress(OSError):  # what could not be written was said by the flush
                    file.close()

    def before_fork(self) -> None:
        """Let a line that is being written end."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Go on writing."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Leave the file to the parent: its lock ends when the parent closes it, while this process lives on."""
        self._lock = threading.RLock()
        self._inherited, self._file = self._file, None
        if self._inherited is not None:
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, self._inherited.fileno(), inheritable=False)
            os.close(nothing)

    def __enter__(self) -> JsonLinesSink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _mask(
        self, _logger: object, _method: str, fields: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        return cast("MutableMapping[str, Any]", self._redactor.value(fields))

    def _render(self, _logger: object, _method: str, fields: MutableMapping[str, Any]) -> bytes:
        first = {"schema": fields.pop("schema"), "event": fields.pop("event")}
        return self._chain.sealed(dump_json(first | dict(fields)))

    def _refused(self, error: OSError) -> StorageError:
        return StorageError(
            f"cannot write the trace {self.path}: {error.strerror or error}",
            hint="free some space or choose another place with --trace; no call is made without its record",
            code="storage.write",
        )


def refuse_if_written(path: Path) -> None:
    """Raise `StorageError` (`storage.locked`) if another run is writing to the trace; it is left as it is."""
    if path.exists():
        _open_locked(path).close()


def _open_locked(path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    except OSError as error:
        raise StorageError(
            f"cannot open the trace {path}: {error.strerror or error}",
            hint="choose a place that can be written with --trace",
            code="storage.open",
        ) from error
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise StorageError(
            f"the trace {path} is being written by another run",
            hint="wait until it ends, or give this run its own file with --trace",
            code="storage.locked",
        ) from error
    return cast("BinaryIO", file)


def _repair_tail(file: BinaryIO) -> tuple[int, bytes]:
    """Cut a last line without its end; a whole one that only lacks the newline gets it.

    Returns the number of bytes cut, and the last whole line (b"" if there is none).
    """
    size = file.seek(0, os.SEEK_END)
    *_, before, torn = (b"", *_tail(file, size).split(b"\n"))
    if not torn:
        return 0, before
    if _is_whole(torn):
        file.write(b"\n")
        file.flush()
        return 0, torn
    file.truncate(size - len(torn))
    file.seek(0, os.SEEK_END)
    return len(torn), before


def _tail(file: BinaryIO, size: int) -> bytes:
    """The end of the file from the start of the last line that has its end, at least."""
    start, tail = size, b""
    while start > 0 and tail.count(b"\n") < 2:
        step = min(65536, start)
        start -= step
        file.seek(start)
        tail = file.read(step) + tail
    return tail


def _is_whole(line: bytes) -> bool:
    import orjson

    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
