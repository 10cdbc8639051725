"""Where a run's events go: the trace file, and further sinks by name."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from cascade.config import Config
from cascade.config.parts import SinkConfig
from cascade.errors import ConfigError
from cascade.plugins import imported_plugin
from cascade.trace.fan import FanOutSink
from cascade.trace.sink import JsonLinesSink, NullSink, TraceSink

SHIPPED = {"opentelemetry": "cascade.integrations.opentelemetry:opentelemetry_sink"}


def sink_opener(config: Config, path: Path | None) -> Callable[[], TraceSink]:
    """What opens the run's sinks when its first event comes. Raises ConfigError for one that cannot be loaded."""
    secrets = config.secrets
    key = config.trace.signing_key
    signing_key = None if key is None else key.get_secret_value().encode()
    factories = [
        (place, wanted, imported_plugin("trace_sinks", SHIPPED.get(wanted.use, wanted.use), place))
        for number, wanted in enumerate(config.trace.sinks)
        for place in [f"trace.sinks[{number}]"]
    ]

    def open_all() -> TraceSink:
        further = {
            f"{place} ({wanted.use})": _made(place, wanted, factory) for place, wanted, factory in factories
        }
        first = _open_sink(path, secrets, signing_key)
        return FanOutSink(first, further, secrets=secrets, failed=_tell) if further else first

    return open_all


def _made(place: str, wanted: SinkConfig, factory: Callable[..., object]) -> TraceSink:
    try:
        return cast("TraceSink", factory(**wanted.options))
    except TypeError as error:
        raise ConfigError(f"{place}: {wanted.use} does not take these options: {error}") from error


def _open_sink(path: Path | None, secrets: tuple[str, ...], signing_key: bytes | None) -> TraceSink:
    if path is None:
        return NullSink()
    if path.is_dir() or not path.suffix:
        path = _new_file(path)
    return JsonLinesSink(path, secrets=secrets, signing_key=signing_key)


def _new_file(folder: Path) -> Path:
    """A file in the folder that no other process has, made here."""
    with suppress(OSError):  # the sink says what is wrong with the folder
        folder.mkdir(parents=True, exist_ok=True)
    while True:
        path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}.jsonl"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        except OSError:
            pass
        return path


def _tell(name: str, error: Exception) -> None:
    logging.getLogger("cascade.trace").warning(
        "%s failed and gets no more events: %s: %s", name, type(error).__name__, error
    )
