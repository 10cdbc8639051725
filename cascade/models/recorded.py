"""A model that answers from recordings: real answers, no network, no cost but the counted one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cascade.errors import ModelError
from cascade.models.base import Completion, ModelRequest, Observer
from cascade.models.recording import Key, Recorded, load_recordings
from cascade.models.replayed import booked, played


class RecordedModel:
    """Answers as `model` did. Latency is reported as recorded, not waited for.

    paths: recordings or traces with full content, plain or gzipped; of two answers to the same request the
    later counts. endpoint: its name in the ledger. Raises `InputError` if a file cannot be read.
    """

    def __init__(self, *paths: Path | str, model: str, endpoint: str = "recorded") -> None:
        self._fill(load_recordings(paths), model, endpoint)

    @classmethod
    def of(cls, recorded: Iterable[Recorded], *, model: str, endpoint: str = "recorded") -> RecordedModel:
        """From answers at hand."""
        self = cls.__new__(cls)
        self._fill(recorded, model, endpoint)
        return self

    def _fill(self, recorded: Iterable[Recorded], model: str, endpoint: str) -> None:
        self.model = model
        self.endpoint = endpoint
        self._answers: dict[Key, Recorded] = {}
        self._by_task: dict[str, list[Key]] = {}
        for answer in recorded:
            if answer.key not in self._answers:
                self._by_task.setdefault(answer.task_id, []).append(answer.key)
            self._answers[answer.key] = answer

    async def generate(self, request: ModelRequest, *, observe: Observer | None = None) -> Completion:
        """The recorded answer to the same task, attempt, predecessor and history.

        Raises `ModelError` (`model.not_recorded`), naming what there is for the task.
        """
        key = (request.task_id, self.model, request.tier_attempt, request.after, request.history)
        answer = self._answers.get(key)
        if answer is None:
            raise self._missing(key)
        completion = Completion(
            text=answer.completion,
            usage=answer.usage,
            model=answer.served_model or answer.model,
            endpoint=self.endpoint,
            finish_reason=answer.finish_reason,
            latency_s=answer.latency_s,
        )
        return booked(request, played(completion, observe), model=self.model)

    async def aclose(self) -> None:
        """Nothing to release."""

    def _missing(self, key: Key) -> ModelError:
        there = self._by_task.get(key[0], [])
        listed = "; ".join(_named(other) for other in there) if there else "nothing at all"
        return ModelError(
            f"the recording has no answer to {_named(key)} on task {key[0]!r}; it has: {listed}",
            hint="choose a policy and a `history` that the recording covers, or record the missing answers",
            code="model.not_recorded",
        )


def _named(key: Key) -> str:
    _, model, attempt, after, history = key
    shown = f"after {after} with history {history}" if after is not None else f"history {history}"
    return f"{model} attempt {attempt} ({shown})"
