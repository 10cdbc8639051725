"""What a trace says of its endpoints, as figures and as OpenTelemetry metrics."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from cascade.trace import AttemptFailed, Event, MemorySink, Scope
from cascade.trace.metrics import MetricsSink
from cascade.trace.monitor import Monitor, quantile
from tests.trace.support import COST, charge, finished, run_of


def failed(code: str, *charges: object) -> AttemptFailed:
    scope = Scope.of_run().of_task("f")
    known = {
        "attempt": 1,
        "tier": "flash",
        "model": "m",
        "endpoint": "flash@local",
        "code": code,
        "charges": charges,
    }
    return AttemptFailed.model_validate({**scope.fields(), **known})


def events() -> list[Event]:
    slow = charge(latency_s=9.0, endpoint="flash@other")
    broken = charge(error="model.interrupted", latency_s=0.1, endpoint="flash@local")
    lost = charge(error="model.timeout", billing="unknown", worst_usd=Decimal("0.02"), cost_usd=Decimal(0))
    scope = Scope.of_run().of_task("r")
    return [
        *run_of("a", "b", "c"),
        finished(scope, 1, broken, slow),
        failed("model.timeout", lost),
        failed("model.breaker_open"),
    ]


def test_requests_retries_errors_and_money_are_told_by_endpoint() -> None:
    monitor = Monitor.of(events())
    local, other = monitor.endpoints["flash@local"], monitor.endpoints["flash@other"]
    assert (local.requests, local.retries, other.requests, other.retries) == (5, 0, 1, 1)
    assert dict(local.errors) == {"model.interrupted": 1, "model.timeout": 1}
    assert local.error_rate == 2 / 5
    assert (local.refused, local.failing, local.most_failing) == (1, 2, 2)
    assert (local.cost_usd, local.unknown_usd, other.cost_usd) == (COST * 4, Decimal("0.02"), COST)
    assert local.cache_hit_ratio == 0.6
    assert (quantile(local.latencies, 0.5), quantile(other.latencies, 0.9)) == (1.5, 9.0)


def test_a_tiers_sums_are_those_of_its_endpoints() -> None:
    monitor = Monitor.of(events())
    tier = monitor.tiers["flash"]
    assert tier.requests == sum(each.requests for each in monitor.endpoints.values())
    assert tier.cost_usd == sum((each.cost_usd for each in monitor.endpoints.values()), Decimal(0))
    assert tier.retries == 1


def test_the_table_and_the_document_have_the_same_figures() -> None:
    monitor = Monitor.of(events())
    head, first, _ = monitor.rows()
    assert (head[0], first[0], first[1]) == ("endpoint", "flash@local", "5")
    assert "breaker refused 1" in first[3]
    assert "up to 0.02" in first[-1]
    document = monitor.as_json()["by_endpoint"]["flash@local"]
    assert (document["requests"], document["latency_s"]["p50"]) == (5, 1.5)
    assert document["first_token_s"]["p90"] == 0.25


def test_no_events_give_no_figures_and_no_division_by_nothing() -> None:
    assert Monitor.of([]).as_json() == {"by_endpoint": {}, "by_tier": {}}
    empty = Monitor.of([failed("model.breaker_open")]).endpoints["flash@local"].as_json()
    assert (empty["error_rate"], empty["cache_hit_ratio"], empty["latency_s"]["p99"]) == (None, None, None)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_quantile_is_a_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_the_same_events_as_opentelemetry_metrics() -> None:
    reader = InMemoryMetricReader()
    kept = MemorySink()
    sink = MetricsSink(kept, provider=MeterProvider(metric_readers=[reader]))
    for event in events():
        sink.emit(event)
    sink.flush()
    sink.close()
    assert len(kept.events) == len(events())
    data = reader.get_metrics_data()
    assert data is not None
    found: dict[str, list[Any]] = {
        metric.name: list(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert sum(point.value for point in found["cascade.cost.usd"]) == float(COST * 5)
    assert sum(point.value for point in found["cascade.retries"]) == 1
    assert sum(point.count for point in found["gen_ai.client.operation.duration"]) == 6
    errors = {
        (point.attributes or {}).get("error.type") for point in found["gen_ai.client.operation.duration"]
    }
    assert errors == {None, "model.interrupted", "model.timeout"}
