"""Text to a sparse hashed vector, in pure Python: equal to scikit-learn's hashing, without importing it.

A token's bucket and sign come from MurmurHash3 (x86, 32 bit, seed 0), as in scikit-learn's
`HashingVectorizer` (Weinberger et al., "Feature hashing for large scale multitask learning", arXiv
0902.2206). No word of a training prompt is stored in an artefact, and its size does not grow with the log.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

CATEGORY_WEIGHT = 0.4
_LONGEST_CATEGORY = 80
_MASK = 0xFFFFFFFF
_WORD = re.compile(r"\w\w+|\d")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSpec:
    """How text becomes numbers.

    words, chars: lengths of n-grams, both ends included (None: none of that kind). buckets: length of the
    vector. clip: characters that are read at most (three quarters from the start, the rest from the end), so
    that the time does not depend on the prompt's length.
    """

    words: tuple[int, int] | None = (1, 2)
    chars: tuple[int, int] | None = None
    buckets: int = 4096
    clip: int = 2048


def clip(text: str, limit: int) -> str:
    """At most `limit` characters of `text` (and one line break): its start and its end."""
    if len(text) <= limit:
        return text
    tail = limit // 4
    return f"{text[: limit - tail]}\n{text[len(text) - tail :]}"


def murmurhash3_32(data: bytes, seed: int = 0) -> int:
    """MurmurHash3 x86 32 bit as a signed integer (A. Appleby, public domain algorithm)."""
    state = seed
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        block = int.from_bytes(data[start : start + 4], "little") * 0xCC9E2D51 & _MASK
        block = (block << 15 | block >> 17) * 0x1B873593 & _MASK
        state ^= block
        state = ((state << 13 | state >> 19) & _MASK) * 5 + 0xE6546B64 & _MASK
    if whole < len(data):
        block = int.from_bytes(data[whole:], "little") * 0xCC9E2D51 & _MASK
        state ^= (block << 15 | block >> 17) * 0x1B873593 & _MASK
    state ^= len(data)
    state = (state ^ state >> 16) * 0x85EBCA6B & _MASK
    state = (state ^ state >> 13) * 0xC2B2AE35 & _MASK
    state ^= state >> 16
    return state - (1 << 32) if state & 0x80000000 else state


def tokens(text: str, spec: TextSpec) -> list[str]:
    """The n-grams of the clipped, lower-cased text; beside words, those of letters start with a control sign."""
    text = clip(text, spec.clip).lower()
    found: list[str] = []
    if spec.words is not None:
        words = _WORD.findall(text)
        for size in range(spec.words[0], spec.words[1] + 1):
            found += [" ".join(words[k : k + size]) for k in range(len(words) - size + 1)]
    if spec.chars is not None:
        text = _SPACE.sub(" ", text)
        mark = "" if spec.words is None else "\x01"
        for size in range(spec.chars[0], spec.chars[1] + 1):
            found += [mark + text[k : k + size] for k in range(len(text) - size + 1)]
    return found


@lru_cache(maxsize=1 << 16)
def bucket_of(token: str, buckets: int) -> tuple[int, float]:
    """The token's place, and +1 or -1. Remembered for the tokens met last: texts repeat themselves."""
    code = murmurhash3_32(token.encode("utf-8", "surrogatepass"))
    return abs(code) % buckets, 1.0 if code >= 0 else -1.0


def categories(metadata: Mapping[str, object], keys: Sequence[str]) -> list[str]:
    """A token for each declared key that holds a word, number or truth value, and one for all of them."""
    found = [
        f"\x02{key}={value}"[:_LONGEST_CATEGORY]
        for key in keys
        if isinstance(value := metadata.get(key), str | int | float)
    ]
    return [*found, "".join(found)] if len(found) > 1 else found


def hashed(text: str, spec: TextSpec, also: Sequence[str] = ()) -> dict[int, float]:
    """Bucket to value, of length 1 in the Euclidean norm; a token counts 1 + ln(its number).

    Tokens that share a bucket add up, each with the sign of its hash. The tokens of `also` (`categories`) are
    added after that, each with `CATEGORY_WEIGHT`.
    """
    vector: dict[int, float] = {}
    for token, count in Counter(tokens(text, spec)).items():
        bucket, sign = bucket_of(token, spec.buckets)
        weight = sign if count == 1 else sign * (1.0 + math.log(count))
        vector[bucket] = vector.get(bucket, 0.0) + weight
    norm = math.sqrt(math.fsum(value * value for value in vector.values())) or 1.0
    vector = {bucket: value / norm for bucket, value in vector.items()}
    for token in also:
        bucket, sign = bucket_of(token, spec.buckets)
        vector[bucket] = vector.get(bucket, 0.0) + sign * CATEGORY_WEIGHT
    return vector
