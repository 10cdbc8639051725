"""Two versions of some files as one unified diff that `git apply` takes.

Text is shown as hunks; what is no UTF-8 text goes as git's binary patch, so that no byte is lost.
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b85encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from cascade.edits.lines import split_lines
from cascade.edits.quoting import quoted
from cascade.edits.renames import renamed
from cascade.types import Mode

CONTEXT = 3
"""Unchanged lines around a change."""
_LARGE = 2_000
"""Lines from which the faster, rougher comparison is used."""


@dataclass(frozen=True, slots=True)
class Version:
    """A file as it is before or after."""

    text: str
    """Its text; bytes that are no UTF-8 as lone surrogates (`surrogateescape`)."""
    mode: Mode = "100644"

    @property
    def raw(self) -> bytes:
        """Its bytes."""
        try:
            return self.text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return self.text.encode("utf-8", "surrogatepass")

    @property
    def is_text(self) -> bool:
        """Whether hunks can show it."""
        return "\0" not in self.text and not any(0xD800 <= ord(char) <= 0xDFFF for char in self.text)


def write_patch(before: Mapping[str, Version], after: Mapping[str, Version]) -> str:
    """The patch that makes `after` of `before`: files by path, those that both have alike may be left out.

    Empty where nothing differs.
    """
    moves = renamed(
        {path: version.text for path, version in before.items() if path not in after},
        {path: version.text for path, version in after.items() if path not in before},
    )
    parts = []
    for path in sorted({*before, *after} - set(moves.values())):
        new = moves.get(path, path if path in after else None)
        old = path if path in before else None
        parts.append(_part(old, new, before.get(path), None if new is None else after[new]))
    return "".join(parts)


def _part(old: str | None, new: str | None, before: Version | None, after: Version | None) -> str:
    if before == after and old == new:
        return ""
    a, b = _prefixed("a", old or new), _prefixed("b", new or old)
    head = [f"diff --git {a} {b}\n", *_extended(old, new, before, after)]
    old_text, new_text = (before.text if before else ""), (after.text if after else "")
    if old_text == new_text:
        return "".join(head)
    if (before is None or before.is_text) and (after is None or after.is_text):
        names = [
            f"--- {_tabbed(a) if before else '/dev/null'}\n",
            f"+++ {_tabbed(b) if after else '/dev/null'}\n",
        ]
        return "".join([*head, *names, *_hunks(split_lines(old_text), split_lines(new_text))])
    return "".join([*head, *_binary(before.raw if before else None, after.raw if after else None)])


def _prefixed(prefix: str, path: str | None) -> str:
    return quoted(f"{prefix}/{path}")


def _tabbed(name: str) -> str:
    """A tab ends a name that holds blanks, as git writes it."""
    return f"{name}\t" if " " in name and not name.startswith('"') else name


def _extended(
    old: str | None, new: str | None, before: Version | None, after: Version | None
) -> Iterator[str]:
    if before is None and after is not None:
        yield f"new file mode {after.mode}\n"
    elif before is not None and after is None:
        yield f"deleted file mode {before.mode}\n"
    elif before is not None and after is not None:
        if before.mode != after.mode:
            yield f"old mode {before.mode}\nnew mode {after.mode}\n"
        if old is not None and new is not None and old != new:
            yield f"rename from {quoted(old)}\nrename to {quoted(new)}\n"


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    for group in _groups(_opcodes(old, new)):
        (_, i, _, k, _), (_, _, j, _, m) = group[0], group[-1]
        yield f"@@ -{_range(i, j)} +{_range(k, m)} @@\n"
        for tag, start, end, new_start, new_end in group:
            if tag == "equal":
                yield from _signed(" ", old[start:end])
            else:
                yield from _signed("-", old[start:end])
                yield from _signed("+", new[new_start:new_end])


def _signed(sign: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"


def _range(start: int, end: int) -> str:
    size = end - start
    return f"{start + 1 if size else start}" + ("" if size == 1 else f",{size}")


Opcode = tuple[str, int, int, int, int]


def _opcodes(old: Sequence[str], new: Sequence[str]) -> list[Opcode]:
    """How one becomes the other; what both begin and end with is not compared again."""
    least = min(len(old), len(new))
    head = next((i for i in range(least) if old[i] != new[i]), least)
    rest = least - head
    tail = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    codes: list[Opcode] = [("equal", 0, head, 0, head)] if head else []
    matcher = SequenceMatcher(None, a, b, autojunk=len(a) + len(b) > _LARGE)
    codes += [(tag, i + head, j + head, k + head, m + head) for tag, i, j, k, m in matcher.get_opcodes()]
    if tail:
        codes.append(("equal", len(old) - tail, len(old), len(new) - tail, len(new)))
    return codes


def _groups(codes: Sequence[Opcode]) -> Iterator[list[Opcode]]:
    """The codes of each hunk: a change and the lines around it; close changes share a hunk."""
    group: list[Opcode] = []
    last = len(codes) - 1
    for number, (tag, i, j, k, m) in enumerate(codes):
        if tag != "equal":
            group.append((tag, i, j, k, m))
            continue
        size = j - i
        if number not in (0, last) and size <= 2 * CONTEXT:
            group.append((tag, i, j, k, m))
            continue
        if group:
            shown = min(size, CONTEXT)
            yield [*group, (tag, i, i + shown, k, k + shown)]
        shown = min(size, CONTEXT)
        group = [] if number == last else [(tag, j - shown, j, m - shown, m)]
    if group:
        yield group


def _binary(old: bytes | None, new: bytes | None) -> Iterator[str]:
    yield f"index {_blob(old)}..{_blob(new)}\nGIT binary patch\n"
    for raw in (new or b"", old or b""):
        packed = zlib.compress(raw)
        yield f"literal {len(raw)}\n"
        for at in range(0, len(packed), 52):
            line = packed[at : at + 52]
            size = chr(ord("A") + len(line) - 1) if len(line) <= 26 else chr(ord("a") + len(line) - 27)
            padded = line + b"\0" * (-len(line) % 4)
            yield f"{size}{b85encode(padded).decode('ascii')}\n"
        yield "\n"


def _blob(raw: bytes | None) -> str:
    if raw is None:
        return "0" * 40
    return hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()
