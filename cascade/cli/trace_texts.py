"""What a trace holds of its tasks' texts, and who told the probabilities in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cascade.classifiers.base import Classifier
    from cascade.trace.events import Event
    from cascade.types import Task


def tasks_of(events: Sequence[Event]) -> dict[str, Task]:
    """The tasks that a trace begins, by id, with the texts that it holds (`trace.content: full`)."""
    from cascade.trace.events import TaskStarted
    from cascade.trace.told import task_of

    started = [event for event in events if isinstance(event, TaskStarted)]
    return {event.task_id: task_of(event) for event in started if event.task_id is not None}


def with_texts(tasks: Mapping[str, Task]) -> dict[str, Task]:
    """Those of which there is a text."""
    return {name: task for name, task in tasks.items() if task.prompt}


def told_by(events: Sequence[Event], classifier: Classifier) -> bool:
    """Whether this classifier, and no other one or version, told all probabilities of a trace."""
    from cascade.trace.events import RouteDecided

    named = {
        (event.classifier, event.version)
        for event in events
        if isinstance(event, RouteDecided) and event.probabilities
    }
    return named <= {(classifier.name, classifier.version)}
