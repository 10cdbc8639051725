"""Messages for a model: what is stable first, so that a prefix cache hits, and a retry only appends.

What an attempt is shown of the ones before is its `history`: `full` keeps the former request as a
byte-for-byte prefix; `last` shows the last answer with its diagnostics; `diagnostics` the diagnostics without
the answer; `none` the task afresh.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cascade.types import Attempt, History, JsonObject, Task, Verdict

DEFAULT_SYSTEM_PROMPT = (
    "You are a careful programmer. Reply with the complete content of each file that you write, each in one "
    "fenced code block whose info line carries the language and the path, like ```python path/to/file.py. A "
    "single block without a path is taken for the file that the task asks for. Do not leave anything out."
)
_FRESH = (
    "An earlier answer to this task failed its checks:\n{feedback}\n"
    "Think about what it got wrong, then write a correct answer."
)
_REPLY = "The answer failed its checks:\n{feedback}\nMend it. Reply with the complete corrected answer."
_FENCE = "```"

Feedback = Callable[[Verdict], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A request's messages, and what they show: the tier whose failure is shown (None: none), and how."""

    messages: tuple[JsonObject, ...]
    after: str | None
    history: History


def build(
    task: Task,
    attempts: Sequence[Attempt],
    *,
    history: History,
    feedback: Feedback,
    system_prompt: str = DEFAULT_SYSTEM_PROMPT,
) -> Prompt:
    """The next request for a task, after `attempts` (oldest first).

    Attempts without an answer (a failed call) have nothing to show and are passed over. `feedback` turns a
    verdict into the words that the model reads.
    """
    shown = [attempt for attempt in attempts if attempt.error is None and attempt.verdict is not None]
    if not shown or history == "none":
        return Prompt(messages=_opening(task, system_prompt), after=None, history="none")
    last = shown[-1]
    told = feedback(last.verdict) if last.verdict is not None else ""
    if history == "diagnostics":
        opening = _opening(task, system_prompt, extra=_FRESH.format(feedback=told))
        return Prompt(messages=opening, after=last.tier, history=history)
    if history == "last":
        before = _opening(task, system_prompt)
    else:
        former = build(task, shown[:-1], history=last.history, feedback=feedback, system_prompt=system_prompt)
        before = former.messages
    said = (
        {"role": "assistant", "content": last.output},
        {"role": "user", "content": _REPLY.format(feedback=told)},
    )
    return Prompt(messages=(*before, *said), after=last.tier, history=history)


def _opening(task: Task, system_prompt: str, *, extra: str = "") -> tuple[JsonObject, ...]:
    content = task_text(task)
    if extra:
        content = f"{content}\n\n{extra}"
    system = ({"role": "system", "content": system_prompt},) if system_prompt else ()
    return (*system, {"role": "user", "content": content})


def task_text(task: Task) -> str:
    """The task as its first user message: files in the order of their paths, the prompt, then shown tests."""
    shown = dict(sorted(task.files.items()))
    parts = [_file(path, text) for path, text in shown.items()]
    parts.append(task.prompt)
    if task.show_tests and task.tests:
        parts.append("The answer must pass these tests:")
        parts.extend(_file(path, text) for path, text in sorted(task.tests.items()))
    return "\n\n".join(parts)


def _file(path: str, text: str) -> str:
    fence = _FENCE
    while fence in text:
        fence += "`"
    end = "" if text.endswith("\n") else "\n"
    return f"{fence}{PurePosixPath(path).suffix.lstrip('.')} {path}\n{text}{end}{fence}"
