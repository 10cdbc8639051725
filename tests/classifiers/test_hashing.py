"""Hashing: the same vectors as scikit-learn's, from a bounded part of any text."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize
from sklearn.utils import murmurhash3_32 as sklearn_murmur

from cascade.classifiers.hashing import TextSpec, categories, clip, hashed, murmurhash3_32, tokens
from cascade.classifiers.matrices import hashed_matrix

SPECS = (
    TextSpec(words=(1, 2), buckets=64),
    TextSpec(words=None, chars=(3, 4), buckets=128),
    TextSpec(words=(1, 1), chars=(2, 2), buckets=32, clip=40),
)


@given(st.binary(max_size=40))
def test_murmur_equals_scikit_learns(data: bytes) -> None:
    assert murmurhash3_32(data) == sklearn_murmur(data, seed=0)


@pytest.mark.parametrize("spec", SPECS)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=120))
def test_vectors_equal_scikit_learns_hasher(spec: TextSpec, text: str) -> None:
    weights = {token: 1 + math.log(n) for token, n in Counter(tokens(text, spec)).items()}
    row = normalize(FeatureHasher(n_features=spec.buckets).transform([weights])).toarray()[0]
    ours = hashed(text, spec)
    assert max((abs(row[b] - ours.get(b, 0.0)) for b in range(spec.buckets)), default=0) < 1e-12


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_word_tokens_are_scikit_learns_and_single_digits(text: str) -> None:
    analyze = CountVectorizer(token_pattern=r"(?u)\w\w+|\d", ngram_range=(1, 3)).build_analyzer()
    assert Counter(tokens(text, TextSpec(words=(1, 3), clip=1000))) == Counter(analyze(text))


@given(text=st.text(max_size=300), limit=st.integers(16, 200))
def test_what_is_read_is_bounded_and_keeps_both_ends(text: str, limit: int) -> None:
    cut = clip(text, limit)
    assert len(cut) <= max(limit + 1, 0) or cut == text
    assert text.startswith(cut[: limit - limit // 4])
    assert text.endswith(cut[-(limit // 4) :] if len(text) > limit else cut)


def test_ten_megabytes_give_no_more_tokens_than_the_clip() -> None:
    spec = TextSpec(words=(1, 2), chars=(3, 3), clip=1024)
    long = "word other " * 1_000_000
    assert len(list(tokens(long, spec))) <= len(list(tokens(long[:1400], spec)))


def test_lone_surrogates_are_hashed_not_refused() -> None:
    assert hashed("half \ud800 a pair", TextSpec(chars=(1, 2)))


def test_declared_categories_are_added_in_both_ways_of_computing() -> None:
    spec = TextSpec(words=(1, 1), buckets=64)
    also = categories({"kind": "bug", "size": 3, "deep": {"not": "used"}}, ("kind", "size", "deep", "gone"))
    assert len(also) == 3
    row = hashed_matrix(["fix the parser"], spec, [also]).toarray()[0]
    ours = hashed("fix the parser", spec, also)
    assert all(abs(row[b] - ours.get(b, 0.0)) < 1e-12 for b in range(64))
    assert ours != hashed("fix the parser", spec)
