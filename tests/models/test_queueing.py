"""Requests that wait for each other at a slow server are noticed, others are not."""

from __future__ import annotations

import pytest

from cascade.models.queueing import Queue


@pytest.mark.parametrize(
    ("quickest", "waited", "beside", "answered", "noticed"),
    [
        (None, 30.0, 5, True, True),
        (2.0, 30.0, 5, True, True),
        (2.0, 60.0, 5, False, True),
        (2.0, 30.0, 0, True, False),  # alone: slow, but no queue
        (9.0, 30.0, 5, True, False),  # all are as slow
        (0.1, 3.0, 5, True, False),  # nobody notices
    ],
)
def test_a_queue_is_many_at_once_and_one_that_waits(
    quickest: float | None, waited: float, beside: int, answered: bool, noticed: bool
) -> None:
    queue = Queue()
    if quickest is not None:
        assert queue.leave(quickest, beside=queue.enter(), answered=True) is None
    for number in range(beside + 1):
        assert queue.enter() == number
    said = queue.leave(waited, beside=beside, answered=answered)
    assert (said is not None) is noticed
    assert said is None or f"{beside} others" in said
