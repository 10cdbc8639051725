"""An exception of ours, or of the installed client, while a request is made up: no matter of the network."""

from __future__ import annotations

from importlib.metadata import version

from cascade.errors import ModelError
from cascade.models.failures import failure
from cascade.models.spec import EndpointSpec


def client_fault(spec: EndpointSpec, error: Exception) -> ModelError:
    """As a failure that says whose fault it is. Nothing was sent."""
    said = f"{type(error).__name__}: {error}"
    failed = failure(
        spec,
        "model.fault",
        f"was not asked: cascade, or the installed openai {version('openai')}, failed with {said[:200]}",
        hint="this is no matter of network or configuration; report it with the versions of both",
        retryable=False,
    )
    failed.is_unsent = True
    return failed
