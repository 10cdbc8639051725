"""A trace's events as OpenTelemetry metrics, beside whatever else becomes of them. Needs opentelemetry-api.

Names are those of the GenAI conventions where there is one; money and retries are `cascade.*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cascade.trace.events import AttemptFailed, AttemptFinished, ChargeRecord, Event, TaskFinished
from cascade.trace.sink import NullSink, TraceSink

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider


class MetricsSink:
    """Measures each event, then passes it on.

    sink: where events go on (default: nowhere). provider: None for the global one of OpenTelemetry.
    """

    def __init__(self, sink: TraceSink | None = None, *, provider: MeterProvider | None = None) -> None:
        from opentelemetry import metrics

        meter = metrics.get_meter("cascade", meter_provider=provider)
        self._sink = sink or NullSink()
        self._tokens = meter.create_histogram("gen_ai.client.token.usage", unit="{token}")
        self._duration = meter.create_histogram("gen_ai.client.operation.duration", unit="s")
        self._first_token = meter.create_histogram("gen_ai.client.operation.time_to_first_chunk", unit="s")
        self._cost = meter.create_counter("cascade.cost.usd", unit="USD")
        self._unknown = meter.create_counter("cascade.cost.unknown_usd", unit="USD")
        self._retries = meter.create_counter("cascade.retries", unit="{request}")
        self._cached = meter.create_counter("cascade.tokens.cached_input", unit="{token}")
        self._written = meter.create_counter("cascade.tokens.cache_write", unit="{token}")
        self._tasks = meter.create_counter("cascade.tasks", unit="{task}")
        self._task_duration = meter.create_histogram("cascade.task.duration", unit="s")

    def emit(self, event: Event) -> None:
        """Measure it and pass it on."""
        if isinstance(event, AttemptFinished | AttemptFailed):
            self._attempt(event)
        elif isinstance(event, TaskFinished):
            labels = {"cascade.status": event.status, "cascade.tier": event.tier or ""}
            self._tasks.add(1, labels)
            self._task_duration.record(event.latency_s, labels)
        self._sink.emit(event)

    def flush(self) -> None:
        """Pass it on."""
        self._sink.flush()

    def close(self) -> None:
        """Pass it on."""
        self._sink.close()

    def _attempt(self, event: AttemptFinished | AttemptFailed) -> None:
        for number, charge in enumerate(event.charges):
            self._charge(event, charge, retry=number > 0)
        if isinstance(event, AttemptFinished) and event.first_token_s is not None:
            self._first_token.record(event.first_token_s, self._labels(event, event.endpoint, event.model))

    def _charge(self, of: AttemptFinished | AttemptFailed, charge: ChargeRecord, *, retry: bool) -> None:
        labels = self._labels(of, charge.endpoint, charge.model)
        self._duration.record(
            charge.latency_s, {**labels, **({"error.type": charge.error} if charge.error else {})}
        )
        self._tokens.record(charge.usage.input, {**labels, "gen_ai.token.type": "input"})
        self._tokens.record(charge.usage.output, {**labels, "gen_ai.token.type": "output"})
        self._cached.add(charge.usage.cached_input, labels)
        self._written.add(charge.usage.cache_write_tokens, labels)
        self._cost.add(float(charge.cost_usd or 0), labels)
        self._unknown.add(float(charge.worst_usd or 0), labels)
        if retry:
            self._retries.add(1, labels)

    def _labels(
        self, of: AttemptFinished | AttemptFailed, endpoint: str, model: str
    ) -> dict[str, str | bool]:
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": model,
            "cascade.tier": of.tier,
            "cascade.endpoint": endpoint,
            **({"cascade.shadow": True} if of.shadow else {}),
        }
