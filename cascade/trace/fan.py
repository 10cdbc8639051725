"""Further sinks beside the trace's own: told of everything, masked, and let go when they fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from cascade.trace.content import Redactor
from cascade.trace.events import EVENT, Event
from cascade.trace.sink import TraceSink


class FanOutSink:
    """Hands each event to the first sink, whose faults are the run's, then to the others, whose faults are not.

    others: by name, as the config calls them. One that fails is told once to `failed` and let go; neither the run
    nor its neighbours notice. secrets: masked in what they get.
    """

    def __init__(
        self,
        first: TraceSink,
        others: Mapping[str, TraceSink],
        *,
        secrets: Iterable[str] = (),
        failed: Callable[[str, Exception], None],
    ) -> None:
        self._first = first
        self._others = dict(others)
        self._redactor = Redactor(secrets)
        self._failed = failed

    @property
    def path(self) -> object:
        """The first sink's file, if it has one."""
        return getattr(self._first, "path", None)

    def emit(self, event: Event) -> None:
        """Pass the event on."""
        self._first.emit(event)
        if self._others:
            masked = EVENT.validate_python(self._redactor.value(event.model_dump(mode="json")))
            self._each(lambda sink: sink.emit(masked))

    def flush(self) -> None:
        """Flush all."""
        self._first.flush()
        self._each(lambda sink: sink.flush())

    def close(self) -> None:
        """Close all; the first whatever becomes of the others."""
        try:
            self._each(lambda sink: sink.close())
        finally:
            self._first.close()

    def _each(self, act: Callable[[TraceSink], None]) -> None:
        for name, sink in list(self._others.items()):
            try:
                act(sink)
            except Exception as error:  # noqa: BLE001  (the boundary to a third party's sink: told, not raised)
                del self._others[name]
                self._failed(name, error)
