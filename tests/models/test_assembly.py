"""Text, thoughts and tool calls come out whole, in whatever parts and shapes servers send them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.models.assembly import Assembly
from cascade.models.thoughtstream import ThoughtStream
from cascade.models.toolcalls import ToolCallAssembly
from cascade.surrogates import HalfJoiner, well_formed
from cascade.thoughts import split_thoughts
from cascade.types import ToolCall

ROME, OSLO = '{"city": "Rome"}', '{"city": "Oslo"}'


def part(index: Any = None, identity: Any = None, name: Any = None, arguments: Any = None) -> dict[str, Any]:
    found = {"index": index, "id": identity, "function": {"name": name, "arguments": arguments}}
    return {key: value for key, value in found.items() if value is not None}


TWO = [("a", "weather", ROME), ("b", "news", OSLO)]
PARTS: dict[str, tuple[list[Any], list[tuple[str, str, str]]]] = {
    "by the protocol": (
        [part(0, "a", "weather", ""), part(0, arguments='{"city":'), part(0, arguments=' "Rome"}')],
        [("a", "weather", ROME)],
    ),
    "one index, several ids": ([part(0, "a", "weather", ROME), part(0, "b", "news", OSLO)], TWO),
    "one index, in parts": (
        [part(0, "a", "weather", '{"city": '), part(0, arguments='"Rome"}'), part(0, "b", "news", OSLO)],
        TWO,
    ),
    "one index, no arguments": (
        [part(0, "a", "now", ""), part(0, "b", "now", "")],
        [("a", "now", "{}"), ("b", "now", "{}")],
    ),
    "no index": ([part(None, "a", "weather", ROME), part(None, "b", "news", OSLO)], TWO),
    "no index, in parts": (
        [part(None, "a", "weather", '{"city": '), part(arguments='"Rome"}'), part(None, "b", "news", OSLO)],
        TWO,
    ),
    "index as text": ([part("0", "a", "weather", ROME), part("1", "b", "news", OSLO)], TWO),
    "interleaved": (
        [
            part(0, "a", "weather", '{"city": '),
            part(1, "b", "news", '{"city": '),
            part(0, arguments='"Rome"}'),
            part(1, arguments='"Oslo"}'),
        ],
        TWO,
    ),
    "a new id with every part": (
        [part(0, "a", "weather", '{"city": '), part(0, "x", None, '"Rome"}')],
        [("a", "weather", ROME)],
    ),
    "the name again with every part": (
        [part(0, "a", "weather", '{"city": '), part(0, "a", "weather", '"Rome"}')],
        [("a", "weather", ROME)],
    ),
    "the name in parts": (
        [part(0, "a", "wea", ""), part(0, None, "ther", ""), part(0, arguments=ROME)],
        [("a", "weather", ROME)],
    ),
    "a call sent twice": ([part(0, "a", "weather", ROME), part(0, "a", "weather", ROME)], TWO[:1]),
    "arguments as an object": ([part(0, "a", "weather", {"city": "Rome"})], TWO[:1]),
    "arguments null": ([part(0, "a", "now")], [("a", "now", "{}")]),
    "arguments empty": ([part(0, "a", "now", " ")], [("a", "now", "{}")]),
    "arguments in a text in a text": ([part(0, "a", "weather", '"{\\"city\\": \\"Rome\\"}"')], [
        ("a", "weather", ROME)
    ]),
    "arguments that are no JSON stay": ([part(0, "a", "weather", "city=Rome")], [("a", "weather", "city=Rome")]),
    "without a function": ([{"id": "a", "name": "weather", "arguments": ROME}], TWO[:1]),
    "junk beside": ([None, 5, "x", {}, part(0, "a", "weather", ROME)], TWO[:1]),
    "half an emoji": ([part(0, "a", "say", '{"t": "\ud83d'), part(0, arguments='\ude00"}')], [
        ("a", "say", '{"t": "😀"}')
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_tool_calls_are_put_together(name: str) -> None:
    parts, calls = PARTS[name]
    assembly = ToolCallAssembly({"weather", "news", "now", "say"})
    for each in parts:
        assembly.feed(each)
    assert assembly.calls() == tuple(ToolCall(id=i, name=n, arguments=a) for i, n, a in calls)


def test_ids_that_are_missing_or_doubled_are_made_and_stable() -> None:
    def made(salt: str) -> list[str]:
        assembly = ToolCallAssembly()
        for each in (
            part(0, None, "now", "{}"),
            part(1, "", "now", "{}"),
            part(2, "a", "x"),
            part(3, "a", "y"),
        ):
            assembly.feed(each)
        return [call.id for call in assembly.calls(salt)]

    assert made("1") == made("1")
    assert len(set(made("1"))) == 4
    assert made("1")[2] == "a"
    assert made("1")[0] != made("2")[0]


DELTAS: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "reasoning_content": ([{"reasoning_content": "R"}, {"content": "T"}], "T", "R"),
    "reasoning": ([{"reasoning": "R"}, {"content": "T"}], "T", "R"),
    "both, the same": ([{"reasoning": "R", "reasoning_content": "R"}, {"content": "T"}], "T", "R"),
    "reasoning_details": (
        [{"reasoning_details": [{"type": "reasoning.text", "text": "R"}]}, {"content": "T"}],
        "T",
        "R",
    ),
    "an encrypted thought": (
        [{"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}, {"content": "T"}],
        "T",
        "",
    ),
    "parts": (
        [
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "R"}]}]},
            {"content": [{"type": "text", "text": "T"}, {"type": "reference", "reference_ids": [1]}]},
        ],
        "T",
        "R",
    ),
    "tags": ([{"content": "<thi"}, {"content": "nk>R</think>\n\nT"}], "T", "R"),
    "a tag that stays open": ([{"content": "<think>R"}], "", "R"),
    "a closing tag alone": ([{"content": "R</th"}, {"content": "ink>T"}], "T", "R"),
    "an emoji in two chunks": ([{"content": "hi \ud83d"}, {"content": "\ude00"}], "hi 😀", ""),
    "half an emoji": ([{"content": "hi \ud83d"}], "hi \ufffd", ""),
    "half an emoji in a thought": ([{"reasoning": "\ude00"}, {"content": "T"}], "T", "\ufffd"),
    "null": ([{"content": None, "reasoning_content": None}, {"content": "T"}], "T", ""),
}


@pytest.mark.parametrize("name", DELTAS)
def test_text_and_thoughts_are_kept_apart(name: str) -> None:
    deltas, text, thought = DELTAS[name]
    assembly = Assembly()
    for delta in deltas:
        assembly.feed({"choices": [{"index": 0, "delta": delta}]})
    assembly.end()
    assert (assembly.text, assembly.reasoning) == (text, thought)


def test_a_whole_message_counts_only_where_nothing_was_streamed() -> None:
    whole = {"choices": [{"index": 0, "message": {"content": "T"}, "finish_reason": "stop"}]}
    fresh, streamed = Assembly(), Assembly()
    streamed.feed({"choices": [{"index": 0, "delta": {"content": "T"}}]})
    for assembly in (fresh, streamed):
        assembly.feed(whole)
        assembly.end()
        assert assembly.text == "T"


WORDS = st.sampled_from(
    ["<think>", "</think>", "plan", "\n", "x = 1", "```\n", "[THINK]", "[/THINK]", " ", "<b>", "<"]
)


@given(st.lists(WORDS, max_size=8).map("".join), st.integers(1, 9), st.booleans())
def test_the_split_of_the_whole_text_has_the_last_word(text: str, size: int, unopened: bool) -> None:
    assembly = Assembly(unopened=unopened)
    for at in range(0, len(text), size):
        assembly.feed({"choices": [{"index": 0, "delta": {"content": text[at : at + size]}}]})
    assembly.end()
    thoughts, answer = split_thoughts(text)
    assert (assembly.text.strip(), assembly.reasoning) == (answer.strip(), thoughts)


@given(st.text(alphabet="ab<>/`\n think", max_size=60), st.integers(1, 9))
def test_nothing_of_a_text_without_thoughts_is_lost_or_changed(text: str, size: int) -> None:
    stream = ThoughtStream()
    said = "".join(stream.feed(text[at : at + size])[0] for at in range(0, len(text), size))
    if not split_thoughts(text)[0] and "<think" not in text:
        assert said + stream.end()[0] == text


@given(st.lists(st.sampled_from(["a", "\ud83d", "\ude00", "😀", "é"]), max_size=8))
def test_halves_are_joined_wherever_they_are_cut(parts: list[str]) -> None:
    joiner = HalfJoiner()
    joined = "".join(joiner.feed(each) for each in parts) + joiner.end()
    assert joined == well_formed("".join(parts))
    joined.encode()
