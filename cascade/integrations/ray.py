"""A log's parts on Ray (the extra `ray`): each part is read, kept and played where there is a worker free."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from cascade.errors import CascadeError, OutsideError, UsageError
from cascade.replay.parts import Parts

P = TypeVar("P")
Q = TypeVar("Q")

LOCAL = "local"
"""Ray's own word for workers that are started for this process, whatever cluster it finds."""
_KNOCK_S = 5.0


@dataclass(frozen=True, slots=True)
class OnRay(Parts[P]):
    """Parts as references into Ray's object store, which spills to disk what does not fit in memory."""

    items: tuple[Any, ...]

    def each(self, job: Callable[[P], Q]) -> Iterator[Q]:
        """See `Parts`. Raises what the job raises; OutsideError where a worker or the cluster is lost."""
        for reference in self._sent(job):
            yield _got(reference)

    def kept(self, job: Callable[[P], Q]) -> Parts[Q]:
        """See `Parts`. A failed job is raised by the first pass over what was kept."""
        return OnRay(tuple(self._sent(job)))

    def _sent(self, job: Callable[[P], Any]) -> list[Any]:
        import ray

        work: Any = ray.remote(_done)
        once = ray.put(job)
        return [work.remote(once, item) for item in self.items]


def _done(job: Callable[[P], Q], item: P) -> Q:
    return job(item)


def _got(reference: Any) -> Any:
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        return ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, CascadeError):
            raise error.cause from None
        raise
    except RayError as error:
        raise OutsideError(
            f"a part of the log was lost on Ray: {str(error).strip().splitlines()[0]}",
            hint="look at the cluster's memory and nodes, and run it again; without --ray it runs here",
            code="outside.ray",
        ) from error


@contextmanager
def on_ray(items: Sequence[P], address: str) -> Iterator[OnRay[P]]:
    """Items as parts on the cluster at `address`, or on workers started here for the time (`local`).

    A process that is connected already stays so, whatever the address. Raises UsageError without Ray,
    OutsideError if the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise UsageError("this needs Ray", hint="pip install 'cascade-router[ray]'") from error
    if ray.is_initialized():
        yield OnRay(tuple(items))
        return
    try:
        _answers(address)
        ray.init(
            address=address,
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise OutsideError(
            f"no Ray cluster at {address}: {error}",
            hint="give HOST:PORT of a running one (its token in RAY_AUTH_TOKEN, if it wants one), or `--ray` "
            "alone to start workers here",
            code="outside.ray",
        ) from error
    try:
        yield OnRay(tuple(items))
    finally:
        ray.shutdown()


def _answers(address: str) -> None:
    """Knock at HOST:PORT, which Ray itself would try for minutes. Raises OSError."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()
