"""Every form of a usage report, as providers send it, is read as what was billed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.models.openai import OpenAIModel
from cascade.models.usage import MOST_TOKENS, UsageReports, read_usage
from cascade.testing import Reply, ScriptedServer
from cascade.types import Usage
from tests.models.support import request, spec

OPENAI = {"prompt_tokens": 100, "completion_tokens": 40, "total_tokens": 140}
FORMS: dict[str, tuple[dict[str, Any], Usage]] = {
    "plain": (OPENAI, Usage(input=100, output=40)),
    "no total": ({"prompt_tokens": 100, "completion_tokens": 40}, Usage(input=100, output=40)),
    "counts as text and as floats": (
        {"prompt_tokens": "100", "completion_tokens": 40.0},
        Usage(input=100, output=40),
    ),
    "reasoning within": (
        {**OPENAI, "completion_tokens_details": {"reasoning_tokens": 30}},
        Usage(input=100, output=40, reasoning=30),
    ),
    "xAI: reasoning beside, the total says so": (
        {
            "prompt_tokens": 120,
            "completion_tokens": 1499,
            "total_tokens": 3928,
            "completion_tokens_details": {"reasoning_tokens": 2309},
        },
        Usage(input=120, output=3808, reasoning=2309),
    ),
    "reasoning beside without a total, more of it than the answer": (
        {"prompt_tokens": 100, "completion_tokens": 40, "reasoning_tokens": 70},
        Usage(input=100, output=110, reasoning=70),
    ),
    "Gemini: thoughts in the total only": (
        {"prompt_tokens": 100, "completion_tokens": 40, "total_tokens": 400},
        Usage(input=100, output=300, reasoning=260),
    ),
    "Perplexity: reasoning at the top, within": (
        {**OPENAI, "reasoning_tokens": 10, "citation_tokens": 7},
        Usage(input=100, output=40, reasoning=10),
    ),
    "OpenAI's cache": (
        {**OPENAI, "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30}},
        Usage(input=100, cached_input=60, cache_write_tokens=30, output=40),
    ),
    "DeepSeek's cache": (
        {**OPENAI, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36},
        Usage(input=100, cached_input=64, output=40),
    ),
    "DeepSeek's cache beside an empty place": (
        {**OPENAI, "prompt_cache_hit_tokens": 64, "prompt_tokens_details": {"cached_tokens": 0}},
        Usage(input=100, cached_input=64, output=40),
    ),
    "Moonshot's cache": ({**OPENAI, "cached_tokens": 50}, Usage(input=100, cached_input=50, output=40)),
    "Mistral's cache": ({**OPENAI, "num_cached_tokens": 48}, Usage(input=100, cached_input=48, output=40)),
    "Anthropic: the cache comes on top": (
        {
            "input_tokens": 10,
            "output_tokens": 40,
            "cache_read_input_tokens": 5,
            "cache_creation_input_tokens": 3,
        },
        Usage(input=18, cached_input=5, cache_write_tokens=3, output=40),
    ),
    "Anthropic's cache through a gateway that includes it": (
        {**OPENAI, "cache_read_input_tokens": 50, "cache_creation_input_tokens": 30},
        Usage(input=100, cached_input=50, cache_write_tokens=30, output=40),
    ),
    "Anthropic's cache through a gateway that leaves it out": (
        {**OPENAI, "cache_read_input_tokens": 5000, "cache_creation_input_tokens": 30},
        Usage(input=5130, cached_input=5000, cache_write_tokens=30, output=40),
    ),
    "a cache that the total has on top": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 40,
            "total_tokens": 200,
            "cache_read_input_tokens": 60,
        },
        Usage(input=160, cached_input=60, output=40),
    ),
    "Qwen's explicit cache": (
        {**OPENAI, "prompt_tokens_details": {"cached_tokens": 0, "cache_creation_input_tokens": 90}},
        Usage(input=100, cache_write_tokens=90, output=40),
    ),
    "the Responses API's names": (
        {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 60},
            "output_tokens": 40,
            "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 140,
        },
        Usage(input=100, cached_input=60, output=40, reasoning=5),
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_report_is_read_whatever_its_form(name: str) -> None:
    report, usage = FORMS[name]
    assert read_usage(report) == usage


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"total_tokens": 3},
        {"prompt_tokens": -7, "completion_tokens": 3},
        {"prompt_tokens": 5, "completion_tokens": MOST_TOKENS + 1},
        {"prompt_tokens": True, "completion_tokens": 3},
        {"prompt_tokens": "many", "completion_tokens": 3},
        {"prompt_tokens": 1.5, "completion_tokens": 3},
        {"prompt_tokens": float("nan"), "completion_tokens": 3},
        {"prompt_tokens": [5], "completion_tokens": 3},
    ],
)
def test_what_cannot_be_true_is_no_report(report: dict[str, Any]) -> None:
    assert read_usage(report) is None


def test_the_dialect_decides_where_the_arithmetic_cannot() -> None:
    report = {"prompt_tokens": 9, "completion_tokens": 40, "reasoning_tokens": 30}
    assert read_usage(report) == Usage(input=9, output=40, reasoning=30)
    assert read_usage(report, reasoning_outside=True) == Usage(input=9, output=70, reasoning=30)


@pytest.mark.parametrize("place", ["chunk", "choice", "x_groq"])
def test_a_report_is_looked_for_in_every_place_of_a_chunk(place: str) -> None:
    report = dict(OPENAI)
    chunk = {
        "usage": report if place == "chunk" else None,
        "choices": [{"usage": report if place == "choice" else None}],
        "x_groq": {"usage": report} if place == "x_groq" else None,
    }
    reports = UsageReports()
    reports.take(chunk)
    reports.take({"usage": {"prompt_tokens": 0, "completion_tokens": 0}, "choices": None})
    assert reports.read() == Usage(input=100, output=40)


@given(
    st.dictionaries(
        st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens"]),
        st.one_of(st.integers(-5, 10**30), st.floats(), st.text(max_size=3), st.none(), st.lists(st.none())),
    )
)
def test_no_report_however_odd_gives_a_usage_that_cannot_be(report: dict[str, Any]) -> None:
    usage = read_usage(report)
    if usage is not None:
        assert 0 <= usage.cached_input + usage.cache_write_tokens <= usage.input
        assert 0 <= usage.reasoning <= usage.output


async def booked(report: dict[str, Any], **more: Any) -> Usage:
    async with ScriptedServer(Reply(text="word " * 12, report=report)) as server:
        tier = OpenAIModel(spec(server, **more))
        completion = await tier.generate(request("x" * 300))
        await tier.aclose()
    return completion.usage


@pytest.mark.parametrize(
    ("report", "estimated", "least"),
    [
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, True, (100, 20)),
        ({"prompt_tokens": 0, "completion_tokens": 33}, True, (100, 33)),
        ({"prompt_tokens": 77, "completion_tokens": 0}, True, (77, 20)),
        ({"prompt_tokens": 14180, "completion_tokens": 99999}, False, (14180, 99999)),
    ],
)
async def test_zeros_are_estimated_and_more_than_expected_is_believed(
    report: dict[str, Any], estimated: bool, least: tuple[int, int]
) -> None:
    usage = await booked(report)
    assert usage.estimated is estimated
    assert (usage.input, usage.output) >= least
    if not estimated:
        assert (usage.input, usage.output) == least
