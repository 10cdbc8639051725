"""How many tokens a text has at most, without its model's tokenizer: near the truth for code, safe for anything else.

No byte-level tokenizer makes more tokens than bytes, but on code that bound is four times the truth. Here each
kind of character is counted at what the tokenizers of today's models (vocabularies of 100,000 and more) make of it
at worst: digits, punctuation, control characters and the bytes of what is not ASCII each by itself, runs of one
kind of white space by eight, words by their letters. A word whose pairs of letters are common in English and in
code is taken for one that a vocabulary knows in parts of four letters; any other for random letters, of which a
token holds one and a half. docs/money.md has what was measured.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

# The 303 pairs of lower-case letters that make up 98.5% of the words of Python's standard library and of our docs.
_COMMON = (
    "a:bcdfgiklmnprstuvwxy b:aceijlorsuy c:acehiklmorstu d:acdeilorstuy e:abcdefgiklmnopqrstuvwxy "
    "f:aefilorstu g:aeghilnorstu h:aeiortu i:abcdefgklmnoprstvxz j:eou k:eilsw l:abdefilopstuy "
    "m:abdeilmopstu n:acdefgiklnopstuvy o:abcdefgiklmnoprstuvw p:adeiloprstuy q:u r:acdefgiklmnoprstuvy "
    "s:aceghiklmnopstuwy t:acdefhilmoprstuwy u:abcdefgilmnprst v:aei w:aehinors x:aceipt y:eimnopst z:e "
)
_PAIRS = frozenset(
    first + second
    for first, _, seconds in (row.partition(":") for row in _COMMON.split())
    for second in seconds
)
_PARTS = re.compile(
    r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[A-Z]"  # words, also within a name: readFile, HTTPServer
    r"|[^\x00-\x7f]+|[0-9]"
    r"| (?=[!-/:-~])| +|\n+|\t+|\r+"  # a single space goes with the word after it
    r"|[\x00-\x1f\x7f]|[!-/:-@\[-`{-~]"
)
_PIECE = 1 << 15  # characters
_LONGEST_WORD = 16
_RUN = 4  # a shorter run of white space may be cut into its characters


def most_tokens(text: str) -> int:
    """Tokens of a text at most. Lone surrogates count as the three bytes that replace them."""
    return sum(_most_of_piece(text[at : at + _PIECE]) for at in range(0, len(text), _PIECE))


@lru_cache(maxsize=512)
def _most_of_piece(text: str) -> int:
    """Of a piece of a text: requests that begin alike are counted once."""
    counted = Counter(_PARTS.findall(text))
    return sum(_most_of(part) * count for part, count in counted.items())


def _most_of(part: str) -> int:
    first, size = part[0], len(part)
    if first > "\x7f":
        return len(part.encode("utf-8", "surrogatepass"))
    if first.isalpha():
        return _of_word(part)
    if first == " " and size == 1:
        return 0
    if first in " \n\t\r":
        return size if size < _RUN else 1 + (size - 1) // 8
    return 1


def _of_word(word: str) -> int:
    size = len(word)
    known = size <= _LONGEST_WORD and _is_wordlike(word.lower())
    if word.isupper() and size > 1:
        return 1 + (size - 1) // 2 if known else -(-2 * size // 3)
    if size <= 2:
        return 1
    return 1 + (size - 1) // 4 if known else 1 + 2 * size // 3


def _is_wordlike(letters: str) -> bool:
    return all(letters[at : at + 2] in _PAIRS for at in range(len(letters) - 1))
