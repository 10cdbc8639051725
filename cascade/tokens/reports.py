"""What endpoints have reported of the tokens of requests: it corrects the bounds that money is set aside by."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

MARGIN = 1.02  # above the worst ratio that an endpoint has reported
SMALL = 4096  # tokens; what comes on top of a smaller request is taken for a constant (a server's own prompt)
LEAST_SHARE = 0.05  # of the bound; a report below it is no count of the whole request


@dataclass(frozen=True, slots=True, kw_only=True)
class InputBound:
    """The tokens of a request at most, before any report: its own part, and the context that it begins with."""

    own: int
    """Of all that is not the context."""
    context: int = 0
    """Of the context."""
    context_sha256: str | None = None
    """Which context it is."""

    @property
    def whole(self) -> int:
        """Both."""
        return self.own + self.context


@dataclass(slots=True)
class _Endpoint:
    factor: float = 1.0
    extra: int = 0
    contexts: dict[str, int] = field(default_factory=dict)


class TokenReports:
    """Corrects bounds by what was reported, endpoint by endpoint.

    A context whose requests were reported counts at the least of those reports, which hold it and more. An endpoint
    that reports more than the bound has all its bounds raised: by the ratio, or for small requests by the difference.
    """

    def __init__(self) -> None:
        self._endpoints: dict[str, _Endpoint] = {}

    def most(self, endpoints: Iterable[str], bound: InputBound) -> int:
        """Tokens of the request at most, at whichever endpoint counts most."""
        return max(self._of(self._endpoints.get(name, _Endpoint()), bound) for name in endpoints)

    def learn(self, endpoint: str, bound: InputBound, reported: int) -> None:
        """An endpoint has counted a request."""
        if reported < LEAST_SHARE * bound.whole:
            return
        seen = self._endpoints.setdefault(endpoint, _Endpoint())
        if bound.context_sha256 is not None:
            before = seen.contexts.get(bound.context_sha256, reported)
            seen.contexts[bound.context_sha256] = min(before, reported)
        if reported <= bound.whole:
            return
        if bound.whole < SMALL:
            seen.extra = max(seen.extra, reported - bound.whole)
        else:
            seen.factor = max(seen.factor, MARGIN * reported / bound.whole)

    def context_tokens(self, endpoint: str, sha256: str) -> int | None:
        """Tokens of a context as the endpoint counts them, about; None before its first report."""
        seen = self._endpoints.get(endpoint)
        return None if seen is None else seen.contexts.get(sha256)

    @staticmethod
    def _of(seen: _Endpoint, bound: InputBound) -> int:
        known = None if bound.context_sha256 is None else seen.contexts.get(bound.context_sha256)
        rest = bound.whole if known is None else bound.own
        return (known or 0) + math.ceil(rest * seen.factor) + seen.extra
