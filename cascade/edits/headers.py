"""The headers of a unified diff: which file a part is of, and what else happens to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cascade.edits.quoting import first_quoted, unquoted
from cascade.types import Mode

NOWHERE = "/dev/null"
_TIME = re.compile(r"\s+\d{4}-\d\d-\d\d[ T]\d\d:\d\d.*$|\s+\(.*\)\s*$")
_EXTENDED = (
    "old mode ", "new mode ", "deleted file mode ", "new file mode ", "copy from ", "copy to ", "rename from ",
    "rename to ", "rename old ", "rename new ", "similarity index ", "dissimilarity index ", "index ",
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Header:
    """What the lines above a file's hunks say. Paths are as written, prefixes included; None is /dev/null."""

    old: str | None
    new: str | None
    mode: Mode | None = None
    has_prefixes: bool = True
    is_rename: bool = False
    is_copy: bool = False
    is_binary: bool = False

    @classmethod
    def of_git(cls, line: str) -> Header:
        """From `diff --git a/x b/x`."""
        old, new = _git_names(line.removeprefix("diff --git ").rstrip("\r"))
        return cls(old=old, new=new)

    def take(self, line: str) -> bool:
        """Read one of git's extended header lines; False where it is none."""
        line = line.rstrip("\r")
        if line.startswith(("GIT binary patch", "Binary files ")):
            self.is_binary = True
            return True
        key = next((key for key in _EXTENDED if line.startswith(key)), None)
        if key is None:
            return False
        self._set(key, line.removeprefix(key).strip())
        return True

    def _set(self, key: str, value: str) -> None:
        verb, _, what = key.strip().partition(" ")
        if verb in ("rename", "copy"):
            self._move(verb, what, unquoted(value))
        elif what == "file mode":
            self.old, self.new = (None, self.new) if verb == "new" else (self.old, None)
        if key in ("new mode ", "new file mode "):
            self.mode = "100755" if value.endswith("755") else "100644"

    def _move(self, verb: str, what: str, path: str) -> None:
        self.has_prefixes = False
        self.is_rename, self.is_copy = verb == "rename", verb == "copy"
        if what in ("from", "old"):
            self.old = path
        else:
            self.new = path

    def is_of(self, old_line: str, new_line: str) -> bool:
        """Whether a `---` and a `+++` line name this file; a mode change may stand above another file's lines."""
        mine = [name for name in (self.old, self.new) if name is not None]
        named = [name for name in (header_name(old_line), header_name(new_line)) if name is not None]
        pairs = [(a, b) for a in mine for b in named]
        return not mine or any(f"/{a}".endswith(f"/{b}") or f"/{b}".endswith(f"/{a}") for a, b in pairs)

    def name(self, old_line: str, new_line: str) -> None:
        """Take the names of a `---` and a `+++` line, unless renames were named before."""
        old, new = header_name(old_line), header_name(new_line)
        if not (self.is_rename or self.is_copy):
            self.old, self.new = old, new


def header_name(line: str) -> str | None:
    """The path of a `--- x` or `+++ x` line, without time stamp and quotes; None for /dev/null."""
    rest = line[4:].rstrip("\r\n")
    name = first_quoted(rest)
    if name is not None:
        return unquoted(name)
    path = _TIME.sub("", rest.split("\t", maxsplit=1)[0]).strip().strip("`")
    return None if path == NOWHERE else path


def _git_names(rest: str) -> tuple[str, str]:
    """Both names of a `diff --git` line. Unquoted names with blanks are the same but for their prefix."""
    first = first_quoted(rest)
    if first is not None:
        return unquoted(first), unquoted(rest[len(first) :].strip())
    if rest.endswith('"'):
        at = rest.index(' "')
        return rest[:at], unquoted(rest[at + 1 :])
    middle = len(rest) // 2
    if (
        rest[middle : middle + 1] == " "
        and rest[:middle].partition("/")[2] == rest[middle + 1 :].partition("/")[2]
    ):
        return rest[:middle], rest[middle + 1 :]
    old, _, new = rest.partition(" b/") if " b/" in rest else rest.partition(" ")
    return old, f"b/{new}" if " b/" in rest else new
