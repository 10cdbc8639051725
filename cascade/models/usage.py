"""Reads the usage that an endpoint reports: every known place and name of a count, believed as far as it can be true.

Where the names come from:
- OpenAI, Groq, vLLM: `prompt_tokens`, `completion_tokens`, `prompt_tokens_details.cached_tokens` and
  `.cache_write_tokens`, `completion_tokens_details.reasoning_tokens` (platform.openai.com/docs/api-reference/chat);
  Groq streams them in `x_groq.usage`, Moonshot in `choices[0].usage` and with `cached_tokens` at the top.
- DeepSeek: `prompt_cache_hit_tokens` (api-docs.deepseek.com/guides/kv_cache). Mistral: `num_cached_tokens`.
- Anthropic: `input_tokens` without `cache_read_input_tokens` and `cache_creation_input_tokens`, which come on top
  (docs.anthropic.com/en/docs/build-with-claude/prompt-caching); gateways carry these names over, mostly with
  `prompt_tokens` that include them.
- xAI counts reasoning outside of `completion_tokens` and inside of `total_tokens` (docs.x.ai); Gemini's compatible
  endpoint likewise, without naming it. Perplexity: `reasoning_tokens` at the top.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cascade.types import Usage

MOST_TOKENS = 100_000_000  # of one request: above this a report is no count
INPUT = (("prompt_tokens",), ("input_tokens",))
OUTPUT = (("completion_tokens",), ("output_tokens",))
_DETAILS = ("prompt_tokens_details", "input_tokens_details", "prompt_token_details")
CACHE_READ = (
    *((details, "cached_tokens") for details in _DETAILS),
    *((details, "cache_read_input_tokens") for details in _DETAILS),
    ("prompt_cache_hit_tokens",),
    ("cache_read_input_tokens",),
    ("cached_tokens",),
    ("num_cached_tokens",),
)
CACHE_WRITE = (
    *((details, "cache_write_tokens") for details in _DETAILS),
    *((details, "cache_creation_tokens") for details in _DETAILS),
    *((details, "cache_creation_input_tokens") for details in _DETAILS),
    ("cache_creation_input_tokens",),
    ("cache_write_tokens",),
)
REASONING = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("reasoning_tokens",),
)


class UsageReports:
    """The reports of one stream. The last one counts; zeros do not replace counts."""

    def __init__(self) -> None:
        self.last: Mapping[str, Any] | None = None

    def take(self, chunk: Mapping[str, Any]) -> None:
        """Look for a report in a chunk."""
        for report in _places(chunk):
            if self.last is None or _counts(report):
                self.last = report

    def read(self, *, reasoning_outside: bool = False) -> Usage | None:
        """What was reported; None if nothing was, or nothing that can be true."""
        return None if self.last is None else read_usage(self.last, reasoning_outside=reasoning_outside)


def read_usage(report: Mapping[str, Any], *, reasoning_outside: bool = False) -> Usage | None:
    """A report as tokens by class; None if it has no counts, or if they cannot be true. What is not said is 0.

    `reasoning_outside`: the endpoint is known to count reasoning beside its completion tokens; where the report has
    a total, the total decides.
    """
    main = [*_values(report, INPUT), *_values(report, OUTPUT)]
    if not main or None in main:
        return None
    spent, made = _most(report, INPUT), _most(report, OUTPUT)
    read, written = _most(report, CACHE_READ), _most(report, CACHE_WRITE)
    reasoning, total = _most(report, REASONING), _most(report, (("total_tokens",),))
    if _cache_is_outside(report, spent, read + written, total - made):
        spent += read + written
    outside = max(0, total - spent - made) if total else 0
    if reasoning > made or (reasoning_outside and not total):
        outside = max(outside, reasoning)
    return Usage(
        input=spent,
        cached_input=read,
        cache_write_tokens=written,
        output=made + outside,
        reasoning=max(reasoning, outside),
    )


def _cache_is_outside(report: Mapping[str, Any], spent: int, cache: int, inputs: int) -> bool:
    """Whether the input that was reported leaves out what was read from the cache or written to it.

    `inputs` is what the total has beside the output.
    """
    if not cache:
        return False
    anthropic = "input_tokens" in report and not any(details in report for details in _DETAILS)
    return anthropic or cache > spent or inputs == spent + cache


def _places(chunk: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """The reports of a chunk: of its own, of a choice, of Groq's addition."""
    choices = chunk.get("choices")
    holders = (chunk, *(choices if isinstance(choices, list) else ()), chunk.get("x_groq"))
    for holder in holders:
        report = holder.get("usage") if isinstance(holder, Mapping) else None
        if isinstance(report, Mapping):
            yield report


def _counts(report: Mapping[str, Any]) -> bool:
    return any(value != 0 for value in [*_values(report, INPUT), *_values(report, OUTPUT)])


def _values(report: Mapping[str, Any], paths: Iterable[tuple[str, ...]]) -> list[int | None]:
    """The counts that stand at these places; None for what is there and is no count."""
    return [_count(value) for path in paths if (value := _at(report, path)) is not None]


def _most(report: Mapping[str, Any], paths: Iterable[tuple[str, ...]]) -> int:
    """One figure under several names: the largest; 0 if it is nowhere."""
    return max((value for value in _values(report, paths) if value is not None), default=0)


def _at(report: Mapping[str, Any], path: tuple[str, ...]) -> object:
    value: object = report
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _count(value: object) -> int | None:
    """A count of tokens, also as `100.0` or `"100"`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if number == number // 1 and 0 <= number <= MOST_TOKENS else None
