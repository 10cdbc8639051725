"""Texts that a bound of tokens has to hold for, made the same everywhere."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

Draw = Callable[[int], int]


def numbers(seed: int) -> Draw:
    """A linear congruential generator: the same numbers in every version of Python."""
    state = seed

    def draw(below: int) -> int:
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % below

    return draw


def of(alphabet: Sequence[str], size: int, seed: int = 1) -> str:
    draw = numbers(seed)
    return "".join(alphabet[draw(len(alphabet))] for _ in range(size))


def words(letters: str, shortest: int, longest: int, count: int) -> str:
    draw = numbers(7)
    return " ".join(
        "".join(letters[draw(len(letters))] for _ in range(shortest + draw(longest - shortest + 1)))
        for _ in range(count)
    )


def span(first: int, last: int) -> list[str]:
    return [chr(code) for code in range(first, last + 1)]


LOWER = "abcdefghijklmnopqrstuvwxyz"
RAW = bytes(ord(char) for char in of(span(0, 255), 2000, 3))
TEXTS: dict[str, str] = {
    "base64": base64.b64encode(RAW).decode(),
    "hexadecimal": RAW.hex(),
    "letters": of(list(LOWER + LOWER.upper()), 3000),
    "likely letters": of(list("eatoinsr"), 3000),
    "short words": words(LOWER, 1, 4, 800),
    "likely words": words("eatoinsrlcd", 5, 9, 400),
    "upper case": of(list("ACGT"), 3000),
    "digits": of(list("0123456789"), 3000),
    "numbers": "\n".join(
        f"{number * 7919 % 1000003},{number * 104729 % 99991 / 1000:.3f}" for number in range(300)
    ),
    "punctuation": of(list("{}[]()<>:;,.!?@#$%^&*-+=/|~`'\"\\"), 3000),
    "any ASCII": of(span(33, 126), 3000),
    "control": of(span(1, 31), 2000),
    "spaces": " " * 3000,
    "tabs": "\t" * 3000,
    "new lines": "\n" * 3000,
    "white space": of(list(" \t\n\r\f\v"), 3000),
    "indents": "".join(" " * (number * 7 % 60) + "x\n" for number in range(300)),
    "wide spaces": of(["\u00a0", "\u3000", "\u200b", "\u2028"], 1000),
    "rare Chinese": of(span(0x4E00, 0x9FFF), 1500),
    "Chinese": "今天天气很好我们去公园散步吧因为春天来了花都开了" * 20,
    "Japanese": "これはテストです。関数は値を返します。エラーを修正してください。" * 20,
    "Russian": "Функция возвращает значение ошибки, исправьте её пожалуйста. " * 20,
    "Thai": "ฟังก์ชันส่งคืนค่าโปรดแก้ไขข้อผิดพลาด" * 20,
    "emoji": of(span(0x1F300, 0x1FAFF), 800),
    "joined emoji": "👨‍👩‍👧‍👦🏳️‍🌈👍🏽" * 60,
    "rare planes": of(span(0x10000, 0x1FFFF), 800),
    "accents": of(span(0xA0, 0x24F), 1500),
    "code": 'def half(value: int) -> int:\n    """Half of it, rounded down."""\n    return value // 2\n\n\n'
    * 40,
    "minified": "function a(b,c){for(var d=0;d<b.length;d++){if(b[d]===c)return d}return-1}" * 30,
}
