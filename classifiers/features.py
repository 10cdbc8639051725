"""Hand-made features of a task: what can be counted in its prompt, files and tests in constant time.

Everything is clipped first (`PROMPT_CLIP` characters, `MAX_FILES` files), so a prompt of ten megabytes costs
as much as one of eight kilobytes. Counts are on a log scale: they grow slowly and are never infinite.
Nothing here knows a data set or a model; an artefact names the features it was fitted on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from itertools import islice

from cascade.classifiers.hashing import clip
from cascade.types import Task

PROMPT_CLIP = 8192
TEST_CLIP = 4096
MAX_FILES = 32

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"[.?!](?:\s|$)")
_EXAMPLE = re.compile(r"(?im)^[^\w\n]{0,4}(?:example|sample|input|e\.g\.)|>>>")
_LIMIT = re.compile(r"10 ?(?:\^|\*\*) ?\{?(\d{1,3})|[<≤]=? ?(\d{2,18})\b(?! ?[\^*])")
_ASSERT = re.compile(r"\bassert\b|\.assert\w+\(|\bexpect\(")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NUMBER_WORDS = _words(
    "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty hundred "
    "thousand million dozen"
)
_PART_WORDS = _words(
    "half halves third thirds quarter quarters fourth fifth percent percentage ratio fraction average mean "
    "double doubled twice thrice triple tripled times"
)
_RATE_WORDS = _words("each every per rate speed hour hours minute minutes day days week weeks")
_COMPARE_WORDS = _words(
    "more less fewer than longer shorter older younger remaining remainder left rest total altogether "
    "difference increase increased decrease decreased"
)
_LOGIC_WORDS = _words(
    "if when unless except only otherwise either both neither not until after before then instead without "
    "however but"
)
_HARD_WORDS = _words(
    "minimum maximum minimize maximize optimal shortest longest subsequence subarray substring permutation "
    "permutations combinations graph tree edges vertices grid modulo probability expected queries "
    "concurrency concurrent thread async atomic distributed recursion recursive dynamic parser parse regex "
    "cryptography encrypt decrypt polynomial matrix prime primes"
)
_BUILD_WORDS = _words(
    "refactor migrate architecture implement integrate backward compatible compatibility api database schema "
    "performance optimize bug traceback exception error regression"
)

TASK_FEATURES: tuple[str, ...] = (
    "prompt_chars",
    "prompt_words",
    "prompt_lines",
    "sentences",
    "words_per_sentence",
    "chars_per_word",
    "distinct_words",
    "numbers",
    "number_words",
    "largest_number",
    "smallest_number",
    "decimals",
    "percents",
    "fractions",
    "money",
    "part_words",
    "rate_words",
    "compare_words",
    "logic_words",
    "hard_words",
    "build_words",
    "questions",
    "names",
    "code_marks",
    "examples",
    "size_limit",
    "size_limits",
    "has_class",
    "non_ascii",
    "files",
    "file_chars",
    "tests",
    "test_chars",
    "asserts",
)


def task_features(task: Task) -> tuple[float, ...]:
    """The values of `TASK_FEATURES` for one task, in that order; all finite."""
    text = clip(task.prompt, PROMPT_CLIP)
    return (
        math.log1p(len(task.prompt)),
        *_prose(text),
        *_numeric(text),
        *_wording(text),
        *_code(text),
        *_attachments(task),
    )


def feature_text(task: Task) -> str:
    """The text that hashed features read: the prompt as it is."""
    return task.prompt


def _prose(text: str) -> Iterable[float]:
    words = _WORD.findall(text)
    sentences = len(_SENTENCE.findall(text)) + text.count("\n\n")
    letters = sum(map(len, words))
    yield math.log1p(len(words))
    yield math.log1p(text.count("\n"))
    yield math.log1p(sentences)
    yield math.log1p(len(words) / max(sentences, 1))
    yield letters / max(len(words), 1)
    yield len({word.lower() for word in words}) / max(len(words), 1)


def _numeric(text: str) -> Iterable[float]:
    found = [number.replace(",", "") for number in _NUMBER.findall(text)]
    values = [float(number[:18]) for number in found]
    words = [word for word in _WORD.findall(text.lower()) if word in _NUMBER_WORDS]
    yield math.log1p(len(values))
    yield math.log1p(len(words))
    yield math.log1p(max(values, default=0.0))
    yield math.log1p(min(values, default=0.0))
    yield math.log1p(sum("." in number for number in found))
    yield math.log1p(text.count("%"))
    yield math.log1p(len(re.findall(r"\d\s*/\s*\d", text)))
    yield math.log1p(sum(text.count(sign) for sign in "$€£"))


def _wording(text: str) -> Iterable[float]:
    words = _WORD.findall(text.lower())
    kinds = (_PART_WORDS, _RATE_WORDS, _COMPARE_WORDS, _LOGIC_WORDS, _HARD_WORDS, _BUILD_WORDS)
    for kind in kinds:
        yield math.log1p(sum(word in kind for word in words))
    yield math.log1p(text.count("?"))
    yield math.log1p(len(set(re.findall(r"(?<=[a-z,] )[A-Z][a-z]+", text))))


def _code(text: str) -> Iterable[float]:
    exponents = [float(power or math.log10(max(int(number), 1))) for power, number in _LIMIT.findall(text)]
    yield math.log1p(sum(text.count(mark) for mark in "{}[]()=_;"))
    yield math.log1p(len(_EXAMPLE.findall(text)))
    yield min(max(exponents, default=0.0), 20.0)
    yield math.log1p(len(exponents))
    yield float("class " in text)
    yield math.log1p(sum(not character.isascii() for character in text))


def _attachments(task: Task) -> Iterable[float]:
    yield math.log1p(len(task.files))
    yield math.log1p(_chars(task.files))
    yield math.log1p(len(task.tests))
    yield math.log1p(_chars(task.tests))
    shown = [clip(text, TEST_CLIP) for text in islice(task.tests.values(), 4)]
    yield math.log1p(sum(len(_ASSERT.findall(text)) for text in shown))


def _chars(files: Mapping[str, str]) -> int:
    return sum(len(text) for text in islice(files.values(), MAX_FILES))
