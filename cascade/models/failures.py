"""How a call can fail: stable codes, whether to try again, and how to mend it. Texts never hold a secret."""

from __future__ import annotations

import email.utils
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cascade.errors import ModelError
from cascade.models.error_body import ServerError
from cascade.models.error_words import AUTH, BALANCE, CONTEXT, FILTER, kind_of, status_of
from cascade.models.spec import EndpointSpec
from cascade.surrogates import well_formed
from cascade.trace import Redactor

SHOWN = 300  # characters of a server's own message


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way to fail. `elsewhere`: another endpoint of the tier may answer the same request."""

    code: str
    what: str
    hint: str
    retryable: bool = False
    elsewhere: bool = True


_REQUEST = Kind(
    code="model.request",
    what="refused the request as malformed",
    hint="see the server's message; a parameter under `extra` or a tool's schema may not be supported there",
    elsewhere=False,
)
_SERVER = Kind(
    code="model.server",
    what="failed on its own side",
    hint="try again later, or add a fallback endpoint to the tier",
    retryable=True,
)
STATUS: Mapping[int, Kind] = {
    400: _REQUEST,
    401: Kind(
        code="model.auth",
        what="does not accept the API key",
        hint="check `api_key` and its environment variable",
    ),
    402: Kind(
        code="model.balance",
        what="says that the account's balance is used up",
        hint="top the account up, or add a fallback endpoint; retrying cannot help",
    ),
    403: Kind(
        code="model.forbidden",
        what="forbids this use of the key",
        hint="check the key's rights, the region and the model's access list",
    ),
    404: Kind(
        code="model.not_found",
        what="does not know the address or the model",
        hint="check `base_url` (does it need /v1?) and `model`",
    ),
    408: Kind(code="model.timeout", what="gave up waiting", hint="raise `timeout`", retryable=True),
    409: Kind(code="model.conflict", what="reports a conflict", hint="try again", retryable=True),
    413: Kind(
        code="model.context", what="finds the request too large", hint="drop files or history from the prompt"
    ),
    422: _REQUEST,
    425: Kind(code="model.rate_limited", what="is not ready yet", hint="try again later", retryable=True),
    429: Kind(
        code="model.rate_limited",
        what="limits the rate",
        hint="lower `--concurrency` or the endpoint's `max_concurrency` and `requests_per_minute`",
        retryable=True,
    ),
    503: Kind(
        code="model.overloaded",
        what="is overloaded",
        hint="try again later, or add a fallback endpoint",
        retryable=True,
    ),
    504: Kind(
        code="model.timeout",
        what="had no answer from its own backend in time",
        hint="try again later, or lower max_output_tokens",
        retryable=True,
    ),
}
STATUS = {**STATUS, 529: STATUS[503]}
CONTENT_FILTER = Kind(
    code="model.content_filter",
    what="refused the content by its filter",
    hint="rephrase the task, or let another tier take it",
    elsewhere=False,
)
SAID: Mapping[str, Kind] = {
    CONTEXT: STATUS[413],
    BALANCE: STATUS[402],
    FILTER: CONTENT_FILTER,
    AUTH: STATUS[401],
}
ELSEWHERE: frozenset[str] = frozenset(
    {kind.code for kind in STATUS.values() if kind.elsewhere}
    | {"model.unreachable", "model.interrupted", "model.malformed", "model.blank", "model.server"}
    | {"model.redirected", "model.wrong_model", "model.breaker_open", "model.retired"}
)


def failure(  # every part of the sentence that a user reads
    spec: EndpointSpec, code: str, what: str, *, hint: str, retryable: bool, status: int | None = None
) -> ModelError:
    """A `ModelError` that names the endpoint, with secrets masked."""
    message = f"{spec.name} ({spec.model} at {spec.base_url}) {what}"
    text = redactor(spec).text(well_formed(message))
    return ModelError(text, hint=hint, code=code, retryable=retryable, status=status)


def status_failure(
    spec: EndpointSpec, status: int | None, error: ServerError, headers: Mapping[str, str]
) -> ModelError:
    """The failure that an error response means, or an error within a stream (`status` None, or 200).

    The server's own words are part of the message.
    """
    if status is not None and 300 <= status < 400:
        return failure(
            spec,
            "model.redirected",
            f"redirects to {headers.get('location', 'an unnamed place')}",
            hint="set `base_url` to where it points; the key is not sent on unasked",
            retryable=False,
            status=status,
        )
    counted = status_of(status, error)
    kind = _kind(counted, error)
    said = f": {error.said[:SHOWN]}" if error.said else ""
    failed = failure(
        spec,
        kind.code,
        f"{kind.what}{_where(status, counted)}{said}",
        hint=kind.hint,
        retryable=kind.retryable,
        status=counted,
    )
    if kind.retryable:
        asked = retry_after(headers)
        failed.retry_after_s = error.retry_after_s if asked is None else asked
    return failed


def _kind(status: int | None, error: ServerError) -> Kind:
    said = kind_of(status, error)
    if said is not None:
        return SAID[said]
    if status is None or status >= 500:
        return STATUS.get(status or 500, _SERVER)
    return STATUS.get(status, _REQUEST)


def _where(status: int | None, counted: int | None) -> str:
    if status is not None and status >= 400:
        return f" (HTTP {status})"
    return " (within its answer)" if counted is None else f" (error {counted} within its answer)"


def redactor(spec: EndpointSpec) -> Redactor:
    """Masks what this endpoint is opened with, and whatever looks like a key."""
    return Redactor([spec.api_key.reveal(), *spec.headers.values()])


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds to wait by `retry-after-ms` or `Retry-After` (seconds or a date); None if absent or nonsense."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        try:
            seconds = float(value) * scale
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    try:
        at = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, TypeError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())
