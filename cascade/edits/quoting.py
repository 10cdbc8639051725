"""File names as git quotes them: C-style, bytes outside ASCII in octal."""

from __future__ import annotations

import re

_ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}
_LETTERS = {byte: letter for letter, byte in _ESCAPES.items()}
_TOKEN = re.compile(r'\\([0-7]{3}|[abtnvfr"\\])|([^\\"])', re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def quoted(path: str) -> str:
    """The path as it stands in a patch: in quotes where it holds quotes, controls or bytes outside ASCII."""
    raw = path.encode("utf-8", "surrogateescape")
    text = "".join(_escaped(byte) for byte in raw)
    return path if text == path else f'"{text}"'


def _escaped(byte: int) -> str:
    if byte in _LETTERS:
        return f"\\{_LETTERS[byte]}"
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"


def unquoted(text: str) -> str:
    """The path that stands in a patch, without its quotes."""
    match = _QUOTED.fullmatch(text)
    if match is None:
        return text
    raw = bytearray()
    for escape, plain in _TOKEN.findall(match[1]):
        if plain:
            raw += plain.encode("utf-8", "surrogatepass")
        else:
            raw.append(_ESCAPES[escape] if escape in _ESCAPES else int(escape, 8) & 0xFF)
    return raw.decode("utf-8", "surrogateescape")


def first_quoted(text: str) -> str | None:
    """The quoted name that a text begins with, quotes included; None where it begins with none."""
    match = _QUOTED.match(text)
    return match[0] if match else None
