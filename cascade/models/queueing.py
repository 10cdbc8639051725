"""Whether requests to one endpoint wait for each other: a local server that answers one by one looks slow or dead."""

from __future__ import annotations

LONG_S = 10.0  # a wait for the first token that a user notices
TIMES = 4.0  # as long as the quickest request waited


class Queue:
    """The requests of one endpoint that are under way, and the quickest first token so far."""

    def __init__(self) -> None:
        self._under_way = 0
        self._quickest_s: float | None = None

    def enter(self) -> int:
        """A request begins. How many are under way beside it."""
        beside, self._under_way = self._under_way, self._under_way + 1
        return beside

    def leave(self, waited_s: float, *, beside: int, answered: bool) -> str | None:
        """A request ended that waited so long for its first token (answered: it came). Words if it stood in a queue.

        beside: what `enter` gave.
        """
        self._under_way -= 1
        quickest = self._quickest_s
        if answered:
            self._quickest_s = waited_s if quickest is None else min(quickest, waited_s)
        slow = waited_s >= LONG_S and (quickest is None or waited_s >= TIMES * quickest)
        if not (slow and beside):
            return None
        came = "its first token" if answered else "nothing"
        return f"a request waited {waited_s:.0f} s for {came} while {beside} others were under way"


HINT = "if the server answers one request at a time, set the tier's `limits: {concurrency: 1}`"
