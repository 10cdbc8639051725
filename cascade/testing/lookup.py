"""Finds the recorded answer that a chat request asks for, by its messages and by what was asked before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cascade.models.recording import Recorded
from cascade.models.scripted import Reply
from cascade.testing.log import Logged
from cascade.types import History


class RecordingLookup:
    """A script for a server. The task is the one whose recorded prompt the request contains.

    Which attempt it is, after which tier and with what history is read from the request: an assistant message
    means `full`; a longer text than the task's first request means `diagnostics`; else the task is fresh. A
    request that was answered before gets the same answer again.
    """

    def __init__(self, recorded: Iterable[Recorded], models: Mapping[str, str]) -> None:
        self._models = models
        self._answers: dict[str, list[Recorded]] = {}
        self._prompts: dict[str, str] = {}
        for answer in recorded:
            self._answers.setdefault(answer.task_id, []).append(answer)
            if answer.after is None and answer.attempt == 1 and answer.messages:
                self._prompts[answer.task_id] = str(answer.messages[-1].get("content", ""))
        self._asked: dict[str, list[tuple[str, str]]] = {}
        self._first_size: dict[str, int] = {}

    def __call__(self, call: Logged) -> Reply:
        """The answer. Raises `LookupError`, naming the task, if the recordings hold none that is near."""
        model = self._models.get(str(call.document.get("model")), str(call.document.get("model")))
        answer = self._find(model, call.messages)
        return Reply(text=answer.completion, usage=answer.usage, finish_reason=answer.finish_reason or "stop")

    def _find(self, model: str, messages: Sequence[Mapping[str, Any]]) -> Recorded:
        text = "\n".join(str(message.get("content", "")) for message in messages)
        task = self._task(text)
        asked = self._asked.setdefault(task, [])
        if (model, text) not in asked:
            asked.append((model, text))
        before = asked[: asked.index((model, text))]
        history = self._history(task, messages, text)
        attempt = 1 + sum(other == model for other, _ in before)
        after = before[-1][0] if before and history != "none" else None
        return self._nearest(task, model, (attempt, after, history))

    def _task(self, text: str) -> str:
        found = [task for task, prompt in self._prompts.items() if prompt and prompt in text]
        if not found:
            raise LookupError("no recorded task's prompt is in the messages")
        return max(found, key=lambda task: len(self._prompts[task]))

    def _history(self, task: str, messages: Sequence[Mapping[str, Any]], text: str) -> History:
        size = self._first_size.setdefault(task, len(text))
        if any(message.get("role") == "assistant" for message in messages):
            return "full"
        return "diagnostics" if len(text) > size else "none"

    def _nearest(self, task: str, model: str, wanted: tuple[int, str | None, str]) -> Recorded:
        attempt, after, history = wanted
        own = [answer for answer in self._answers[task] if answer.model == model]
        if not own:
            raise LookupError(f"the recordings have no answer of {model} to {task}")
        return max(
            own,
            key=lambda each: (
                each.after == after and each.history == history,
                each.attempt == attempt,
                each.after == after,
                each.history == history,
                -each.attempt,
            ),
        )
