"""Messages for a model: what is stable first, so that a prefix cache hits, and a retry only appends.

What an attempt is shown of the ones before is its `history`: `full` keeps the former request as a
byte-for-byte prefix; `last` shows the last answer with its diagnostics; `diagnostics` the diagnostics without
the answer; `none` the task afresh.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cascade.context import Context, file_block
from cascade.types import Attempt, History, JsonObject, JsonValue, Task, ToolCall, Verdict

DEFAULT_SYSTEM_PROMPT = (
    "You are a careful programmer. Reply with the complete content of each file that you write, each in one "
    "fenced code block whose info line carries the language and the path, like ```python path/to/file.py. A "
    "single block without a path is taken for the file that the task asks for. Do not leave anything out. A "
    "file that exists may instead be changed by a unified diff in a ```diff block, or by SEARCH/REPLACE blocks "
    "below its path: copy the lines around a change exactly. Use a longer fence for a file that holds fences."
)
_FRESH = (
    "An earlier answer to this task failed its checks:\n{feedback}\n"
    "Think about what it got wrong, then write a correct answer."
)
_REPLY = (
    "The answer failed its checks:\n{feedback}\n"
    "Fix the problems above and reply with the complete corrected answer. Edits apply to the files as they were "
    "before your answer."
)
_CALLS_REPLY = (
    "The tool calls were not executed, because the answer failed its checks:\n{feedback}\n"
    "Answer again, with corrected calls."
)
_DOUBTED_FRESH = (
    "No check found a fault in an earlier answer to this task, but it is estimated to be wrong.\n"
    "Work the task out afresh, with care."
)
_DOUBTED_REPLY = (
    "No check found a fault in the answer, but it is estimated to be wrong.\n"
    "Work the task out again, step by step. Reply with the complete answer, changed where it was wrong."
)
_DOUBTED_CALLS_REPLY = (
    "The tool calls were not executed: no check found a fault in them, but they are estimated to be wrong.\n"
    "Think again, then answer with the calls that are right."
)
BETWEEN = "\n\n"  # between the context and the task
_NOT_EXECUTED = "Not executed: see the message below."

Feedback = Callable[[Verdict], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A request's messages, and what they show: the tier whose failure is shown (None: none), and how.

    `context` is what the first message of the user begins with, the same for every task of a workspace.
    """

    messages: tuple[JsonObject, ...]
    after: str | None
    history: History
    context: Context | None = None


def build(
    task: Task,
    attempts: Sequence[Attempt],
    *,
    history: History,
    feedback: Feedback,
    system_prompt: str = DEFAULT_SYSTEM_PROMPT,
    context: Context | None = None,
) -> Prompt:
    """The next request for a task, after `attempts` (oldest first).

    Attempts without an answer (a failed call) have nothing to show and are passed over. `feedback` turns a
    verdict into the words that the model reads. `context` stands before all that is the task's own. A conversation's
    own messages are sent as they are.
    """
    context = None if task.messages else context
    messages, after, shown = _messages(task, attempts, history, feedback, _Head(system_prompt, context))
    return Prompt(messages=messages, after=after, history=shown, context=context)


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands before the task: it is the same for all tasks."""

    system_prompt: str
    context: Context | None


def _messages(
    task: Task, attempts: Sequence[Attempt], history: History, feedback: Feedback, head: _Head
) -> tuple[tuple[JsonObject, ...], str | None, History]:
    """The messages, the tier whose failure they show, and the history that was used."""
    shown = [attempt for attempt in attempts if attempt.error is None and attempt.verdict is not None]
    if not shown or history == "none":
        return _opening(task, head), None, "none"
    last = shown[-1]
    told = feedback(last.verdict) if last.verdict is not None else ""
    if history == "diagnostics":
        extra = _DOUBTED_FRESH if _doubted(last) else _FRESH.format(feedback=told)
        return _opening(task, head, extra=extra), last.tier, history
    if history == "last":
        before = _opening(task, head)
    else:
        before, _, _ = _messages(task, shown[:-1], last.history, feedback, head)
    return (*before, *_answered(last, told)), last.tier, history


def _answered(attempt: Attempt, feedback: str) -> tuple[JsonObject, ...]:
    """A failed answer as the conversation goes on from it. Calls that an endpoint would refuse are told as text."""
    calls = attempt.tool_calls
    reply = {"role": "user", "content": _reply(attempt, feedback)}
    if not calls:
        return ({"role": "assistant", "content": attempt.output}, reply)
    if not all(call.id and call.name and _is_object(call.arguments) for call in calls):
        told = "\n".join(f"{call.name}({call.arguments})" for call in calls)
        content = f"{attempt.output}\n\n{told}".strip()
        return ({"role": "assistant", "content": content}, reply)
    made: dict[str, JsonValue] = {
        "role": "assistant",
        "content": attempt.output,
        "tool_calls": [_call(call) for call in calls],
    }
    if attempt.reasoning is not None:
        made["reasoning_content"] = attempt.reasoning  # DeepSeek's thinking mode refuses calls without it
    results = ({"role": "tool", "tool_call_id": call.id, "content": _NOT_EXECUTED} for call in calls)
    return (made, *results, reply)


def _reply(attempt: Attempt, feedback: str) -> str:
    """What is said to an answer that was not accepted."""
    if _doubted(attempt):
        return _DOUBTED_CALLS_REPLY if attempt.tool_calls else _DOUBTED_REPLY
    return (_CALLS_REPLY if attempt.tool_calls else _REPLY).format(feedback=feedback)


def _doubted(attempt: Attempt) -> bool:
    """Whether it is gone on from because of a judge alone: then nothing is said to have failed."""
    failed = attempt.verdict is not None and attempt.verdict.status == "failed"
    return attempt.judged is not None and not failed


def _call(call: ToolCall) -> JsonObject:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _opening(task: Task, head: _Head, *, extra: str = "") -> tuple[JsonObject, ...]:
    if task.messages:
        return _with_note(task.messages, extra) if extra else task.messages
    content = task_text(task)
    if extra:
        content = f"{content}\n\n{extra}"
    if head.context is not None:
        content = f"{head.context.text}{BETWEEN}{content}"
    return (*_system(head.system_prompt), {"role": "user", "content": content})


def prefix_messages(context: Context, system_prompt: str) -> tuple[JsonObject, ...]:
    """What every request with this context begins with, byte for byte."""
    return (*_system(system_prompt), {"role": "user", "content": f"{context.text}{BETWEEN}"})


def _system(prompt: str) -> tuple[JsonObject, ...]:
    return ({"role": "system", "content": prompt},) if prompt else ()


def _with_note(messages: tuple[JsonObject, ...], note: str) -> tuple[JsonObject, ...]:
    """The conversation with a note of ours at its end; some chat templates refuse two user messages in a row."""
    last = messages[-1]
    content = last.get("content")
    if last.get("role") == "user" and isinstance(content, str):
        return (*messages[:-1], {**last, "content": f"{content}\n\n{note}"})
    return (*messages, {"role": "user", "content": note})


def task_text(task: Task) -> str:
    """The task as its first user message: files in the order of their paths, the prompt, then shown tests."""
    shown = dict(sorted(task.files.items()))
    parts = [file_block(path, text) for path, text in shown.items()]
    parts.append(task.prompt)
    if task.show_tests and task.tests:
        parts.append("The answer must pass these tests:")
        parts.extend(file_block(path, text) for path, text in sorted(task.tests.items()))
    return "\n\n".join(parts)
