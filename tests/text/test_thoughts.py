"""What a model thinks is told apart from what it answers, however its thoughts are spelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.thoughts import split_thoughts

DRAFT = "Maybe\n```python\ndraft()\n```\nno."
ANSWER = "Here:\n```python\nfinal()\n```\n"
SPELLINGS = [
    f"<think>\n{DRAFT}\n</think>\n\n{ANSWER}",
    f"{DRAFT}\n</think>\n\n{ANSWER}",
    f"{DRAFT}</think>{ANSWER}",
    f"<thinking>{DRAFT}</thinking>\n{ANSWER}",
    f"<Thought>{DRAFT}</Thought>\n{ANSWER}",
    f"<seed:think>{DRAFT}</seed:think>\n{ANSWER}",
    f'<reasoning effort="high">\n{DRAFT}\n</reasoning>\n{ANSWER}',
    f"[THINK]{DRAFT}[/THINK]{ANSWER}",
    f"◁think▷{DRAFT}◁/think▷{ANSWER}",
    f"<|begin_of_thought|>{DRAFT}<|end_of_thought|><|begin_of_solution|>{ANSWER}",
    f"<|START_THINKING|>{DRAFT}<|END_THINKING|><|START_RESPONSE|>{ANSWER}",
    f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}",
    f"\ufeff<think>{DRAFT}</think>\n{ANSWER}",
]


@pytest.mark.parametrize("text", SPELLINGS, ids=[text[:24] for text in SPELLINGS])
def test_a_thought_is_cut_from_its_answer_in_every_spelling(text: str) -> None:
    thoughts, answer = split_thoughts(text)
    assert answer == ANSWER
    assert thoughts == DRAFT


def test_thoughts_between_and_within_thoughts_are_cut_too() -> None:
    assert split_thoughts("<think>a</think>One.\n<think>b <think>c</think> d</think>\nTwo.") == (
        "a\nb <think>c</think> d",
        "One.\n\nTwo.",
    )


def test_a_thought_that_never_ends_leaves_no_answer() -> None:
    assert split_thoughts(f"<think>{DRAFT}") == (DRAFT, "")


@pytest.mark.parametrize(
    "text",
    [
        "Close it with `</think>` then.",
        'X = "</think>"',
        "I put <think> in the middle of a line, and </think> too.",
        "```jinja\n<think>\n{{ x }}\n</think>\n```\n",
        "<analysis>asked for</analysis>",
        "Nothing to see.",
    ],
)
def test_a_tag_that_is_spoken_of_or_stands_in_a_file_is_no_thought(text: str) -> None:
    assert split_thoughts(text) == ("", text)


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "`", "\n", "a", '"', "[/THINK]", "```\n"]), max_size=30)
)
def test_nothing_is_lost_but_tags_and_blanks(parts: list[str]) -> None:
    thoughts, answer = split_thoughts("".join(parts))
    assert (thoughts + answer).count("a") == parts.count("a")
