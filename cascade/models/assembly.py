"""Puts a streamed answer together: text, reasoning, tool calls, usage. Trusts nothing in what it is given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from cascade.models.finish import meaning
from cascade.models.loose import MalformedError, contents, first_thought, loose_text
from cascade.models.thoughtstream import ThoughtStream
from cascade.models.toolcalls import ToolCallAssembly
from cascade.models.usage import UsageReports
from cascade.surrogates import HalfJoiner, well_formed
from cascade.thoughts import split_thoughts
from cascade.types import ToolCall


class Assembly:
    """What has arrived so far.

    tools: names of the tools that the request declared. salt: what tells this request from others of a conversation.
    unopened: thoughts in the text are known to come without their opening tag.
    """

    def __init__(self, tools: Collection[str] = (), *, salt: str = "", unopened: bool = False) -> None:
        self.model: str | None = None
        self.finish_reason: str | None = None
        self.refusal = ""
        self.chunks = 0
        self.usage = UsageReports()
        self._id = ""
        self._salt = salt
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls = ToolCallAssembly(tools)
        self._joined = HalfJoiner(), HalfJoiner()
        self._thoughts = ThoughtStream(unopened=unopened)
        self._content: list[str] = []
        self._apart = False
        self.unopened = False

    def feed(self, chunk: Mapping[str, Any]) -> tuple[str, str]:
        """Take one chunk. The new text and the new reasoning; both may be empty.

        Raises `MalformedError`.
        """
        self.chunks += 1
        named = chunk.get("model")
        self.model = (well_formed(named) if isinstance(named, str) else None) or self.model
        self._id = self._id or str(chunk.get("id") or "")
        self.usage.take(chunk)
        choices = chunk.get("choices") or []
        if not isinstance(choices, list):
            raise MalformedError("`choices` is not a list")
        taken = [self._take(choice) for choice in choices if _is_first(choice)]
        return self._kept("".join(text for text, _ in taken), "".join(thought for _, thought in taken))

    def end(self) -> tuple[str, str]:
        """What was held back of text and reasoning. To be called when nothing more comes, once.

        `unopened` then says whether what was given out as text turned out to be a thought.
        """
        text, thought = (joiner.end() for joiner in self._joined)
        text, thought = self._split(text, thought)
        left = self._thoughts.end()
        text, thought = text + left[0], thought + left[1]
        self._text.append(text)
        self._reasoning.append(thought)
        self._correct()
        return text, thought

    def _correct(self) -> None:
        """Split the whole text again: a closing tag alone says that all before it was a thought."""
        if self._apart:
            return
        content = "".join(self._content)
        thoughts, answer = split_thoughts(content)
        if answer != content or self.text != content:
            self.unopened = answer.strip() != self.text.strip()
            self._text, self._reasoning = [answer], [thoughts]

    def _take(self, choice: Mapping[str, Any]) -> tuple[str, str]:
        reason = loose_text(choice.get("finish_reason"))
        self.finish_reason = reason or self.finish_reason
        delta = choice.get("delta")
        if not isinstance(delta, Mapping):
            delta = choice.get("message") if self._is_empty else None
        if not isinstance(delta, Mapping):
            return "", ""
        parts = list(contents(delta.get("content")))
        text = "".join(said for said, _ in parts)
        reasoning = first_thought(delta) or "".join(thought for _, thought in parts)
        self.refusal += loose_text(delta.get("refusal"))
        calls = delta.get("tool_calls")
        for part in [*(calls if isinstance(calls, list) else [calls]), delta.get("function_call")]:
            self._calls.feed(part)
        return text, reasoning

    def _kept(self, text: str, reasoning: str) -> tuple[str, str]:
        said, thought = self._joined
        text, reasoning = self._split(said.feed(text), thought.feed(reasoning))
        self._text.append(text)
        self._reasoning.append(reasoning)
        return text, reasoning

    def _split(self, text: str, reasoning: str) -> tuple[str, str]:
        """Text and reasoning, thoughts within the text included, unless the server keeps them apart itself."""
        self._apart = self._apart or bool(reasoning)
        self._content.append(text)
        if self._apart or not text:
            return text, reasoning
        return self._thoughts.feed(text)

    @property
    def _is_empty(self) -> bool:
        """Whether nothing of the answer has come: only then a whole `message` is not what was streamed before."""
        return not (self.text or self.reasoning or self._calls)

    @property
    def ended_by(self) -> str | None:
        """The finish reason in the protocol's words."""
        reason = self.finish_reason
        return None if reason is None else meaning(reason) or reason

    @property
    def text(self) -> str:
        """The answer's text so far."""
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        """The reasoning so far."""
        return "".join(self._reasoning)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Tool calls so far, in order."""
        return self._calls.calls(f"{self._salt}/{self._id}")

    @property
    def received(self) -> str:
        """All that was generated, as text to be counted."""
        return self.text + self.reasoning + self._calls.received + self.refusal


def _is_first(choice: object) -> bool:
    return isinstance(choice, Mapping) and choice.get("index", 0) in (0, None, "0")
