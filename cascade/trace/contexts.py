"""Messages without the context that they begin with: a trace holds it once, by its hash, and readers put it back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from cascade.trace.events import AttemptStarted, ContextShown, Event
from cascade.types import JsonObject


def without_text(messages: Sequence[JsonObject], text: str | None) -> list[JsonObject]:
    """The messages, `text` taken from the beginning of the user's first one."""
    return list(messages) if text is None else _first_changed(messages, lambda said: said.removeprefix(text))


@dataclass(slots=True)
class ContextTexts:
    """The contexts of a trace, as far as its content rule kept them."""

    _texts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> ContextTexts:
        """Those of all events."""
        texts = cls()
        for event in events:
            texts.take(event)
        return texts

    def take(self, event: Event) -> None:
        """Keep the text of a `context.shown`."""
        if isinstance(event, ContextShown) and event.text.text is not None:
            self._texts[event.sha256] = event.text.text

    def messages(self, started: AttemptStarted) -> tuple[JsonObject, ...]:
        """The messages of an attempt as they were sent; without the context where its text was not kept."""
        logged = started.messages if isinstance(started.messages, list) else []
        messages = [message for message in logged if isinstance(message, dict)]
        text = self._texts.get(started.context_sha256 or "")
        return tuple(messages if text is None else _first_changed(messages, lambda said: text + said))


def _first_changed(messages: Sequence[JsonObject], change: Callable[[str], str]) -> list[JsonObject]:
    changed = list(messages)
    for at, message in enumerate(changed):
        content = message.get("content")
        if message.get("role") == "user" and isinstance(content, str):
            changed[at] = {**message, "content": change(content)}
            break
    return changed
