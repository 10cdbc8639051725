"""The trace of one run: opened by its first event, begun with `run.started`, ended with `run.finished`."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cascade.codec import to_json
from cascade.ledger import Ledger
from cascade.report import Tally
from cascade.trace.events import Event, RunFinished, RunStarted, UsageRecord
from cascade.trace.ids import Scope
from cascade.trace.sink import NullSink, TraceSink

RECORDED = ("cascade-router", "langgraph", "openai", "scikit-learn", "pydantic", "ruff", "mypy", "pytest")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What a run says of itself: its configuration without secrets, and the sandbox's layers."""

    config_sha256: str
    config: dict[str, Any]
    sandbox: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class RunTrace:
    """A `TraceSink` around another, which is opened when the first event comes. Any number of threads may emit."""

    open: Callable[[], TraceSink]
    facts: RunFacts
    ledger: Ledger
    scope: Scope = field(default_factory=Scope.of_run)
    _sink: TraceSink | None = None
    tally: Tally = field(default_factory=Tally)
    interrupted: bool = False
    """Whether a signal or a cancellation ended the run."""
    _clock: float = 0.0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def path(self) -> str | None:
        """The file that is written, once there is one."""
        path = getattr(self._sink, "path", None)
        return None if path is None else str(path)

    def begin(self) -> None:
        """Open the sink and write `run.started`; nothing if that was done. Raises StorageError."""
        with self._lock:
            if self._sink is None:
                self._sink = self.open()
                self._clock = time.perf_counter()
                self._hand_on(self._sink, self._started())

    def emit(self, event: Event) -> None:
        """Pass the event on, beginning the run if need be."""
        with self._lock:
            self.begin()
            self._hand_on(self._sink or NullSink(), event)

    def flush(self) -> None:
        """Bring everything to stable storage."""
        if self._sink is not None:
            self._sink.flush()

    def close(self) -> None:
        """Write `run.finished` with the totals and close; nothing if the run never began."""
        with self._lock:
            if self._sink is None:
                return
            self._sink.emit(self._finished())
            self._sink.close()
            self._sink = None

    def _hand_on(self, sink: TraceSink, event: Event) -> None:
        self.tally.add(event)
        sink.emit(event)

    def _started(self) -> RunStarted:
        return RunStarted(
            **self.scope.fields(),
            config_sha256=self.facts.config_sha256,
            config=self.facts.config,
            versions=versions(),
            sandbox=self.facts.sandbox,
        )

    def _finished(self) -> RunFinished:
        total = self.ledger.total
        return RunFinished(
            **self.scope.fields(),
            tasks=self.tally.tasks,
            accepted=self.tally.accepted,
            attempts=total.attempts,
            usage=UsageRecord(**to_json(total.usage)),
            cost_usd=total.cost_usd if total.complete else None,
            unknown_usd=total.unknown_usd,
            shadow_usd=self.ledger.shadow.cost_usd,
            latency_s=time.perf_counter() - self._clock,
            interrupted=self.interrupted,
        )


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter to a result."""
    found = {"python": platform.python_version()}
    for name in RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
