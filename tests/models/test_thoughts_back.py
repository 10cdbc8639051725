"""A server that wants the thoughts of before is given them, once it has said so."""

from __future__ import annotations

from typing import Any

import pytest

from cascade.models.dialects import Learned

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ASKED: dict[str, Any] = {"messages": [{"role": "assistant", "content": "", "tool_calls": [CALL]}]}


@pytest.mark.parametrize(
    "words",
    [
        "Missing `reasoning_content` field in the assistant message at message index 1.",
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2",
        "The reasoning_content in the thinking mode must be passed back to the API.",
    ],
)
def test_thoughts_that_a_refusal_asks_for_are_sent_from_then_on(words: str) -> None:
    learned = Learned(["no_thoughts"])
    assert learned.learn(words, ASKED) == "thoughts_back"
    assert learned.applied(ASKED)["messages"][0]["reasoning_content"] == ""
    assert learned.learn(words, ASKED) is None
