"""The path that stands with a code block: in its info line, above it, or in its first comment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from cascade.extraction.languages import fits, is_file_suffix

LEAD_LINES = 6
"""Lines of prose above a block that may name its file."""
_NAMES = (
    "Makefile|Dockerfile|Procfile|Jenkinsfile|Gemfile|Rakefile|Vagrantfile|LICENSE|NOTICE|CODEOWNERS|"
    r"go\.mod|go\.sum"
)
_DOT = "gitignore|gitattributes|dockerignore|env|editorconfig|flake8|pylintrc|prettierrc|eslintrc|npmrc|nvmrc|bashrc"
_PATH = (
    r"[\w@.\-+/\\]*[\w\-+]\.[A-Za-z]\w{0,11}(?![\w/\\])"
    rf"|(?:[\w@.\-+]+/)*(?:{_NAMES})\b|(?:[\w@.\-+]+/)*\.(?:{_DOT})(?:\.\w+)?\b"
)
_TOKEN = re.compile(rf"(?<![\w@.\-+/\\:])(?:\./)?(?:{_PATH})")
# With folders a path may hold more, such as `app/[id]/page.tsx`.
_FOLDERS = re.compile(r"(?:[\w@.\-+\[\]()$~]+/)+[\w@.\-+\[\]()$~]+")
_QUOTED = re.compile(r"`([^`\s]+)`|\*\*([^*\s]+\.\w+)\*\*|\[([^\]\s]+)\]\([^)]*\)")
_ATTRIBUTE = re.compile(r"\b(?:title|file|filename|path|name)\s*[=:]\s*[\"']?([^\"'\s}]+)", re.I)
_COMMENT = re.compile(
    rf"^\s*(?:#|//|--|/\*|<!--|;|%)+\s*(?:file(?:name)?|path)?\s*:?\s*`?(?P<path>(?:\./)?(?:{_PATH}))`?\s*(?:\*/|-->)?\s*$",
    re.I,
)
# Names of products, not of files, however they look.
_PRODUCTS = frozenset(
    {
        "node", "vue", "next", "nuxt", "react", "express", "three", "d3", "chart", "angular", "ember",
        "backbone", "p5", "alpine", "discord", "electron", "moment", "knockout", "nest", "solid", "preact",
        "require", "meteor", "sails", "deno", "bun",
    }
)  # fmt: skip
_NO_PATHS = frozenset({"e.g", "i.e", "socket.io", "asp.net", "vb.net", "ml.net"})
# What may stand beside a path in a line that names a file, and says nothing else.
_WORDS = frozenset(
    {
        "a", "an", "and", "the", "this", "that", "it", "is", "of", "in", "at", "to", "as", "for", "with",
        "into", "under", "file", "files", "filename", "path", "paths", "name", "named", "called", "new",
        "update", "updated", "updates", "create", "created", "creating", "modify", "modified", "edit",
        "edited", "edits", "change", "changed", "changes", "add", "added", "replace", "replaced", "rewrite",
        "rewritten", "save", "saved", "write", "put", "here", "below", "now", "then", "first", "second",
        "third", "next", "finally", "step", "part", "code", "full", "complete", "entire", "final", "whole",
        "corrected", "fixed", "fix", "revised", "version", "content", "contents", "following", "source",
        "module", "script", "implementation", "solution", "answer", "python", "javascript", "typescript",
        "go", "rust", "java", "html", "css", "json", "yaml", "s", "your", "my", "our", "let", "us", "me",
        "show", "see", "look", "like", "looks", "should", "be", "will", "i", "ve", "have",
    }
)  # fmt: skip
_MOST_WORDS = 14


def path_of(info: str, lead: Sequence[str], content: str, *, known: Iterable[str] = ()) -> str | None:
    """The path of a block, or None.

    info: what stands beside its fence. lead: the lines of prose above it, the nearest last. known: paths of the
    task, which count wherever they are named.
    """
    language = re.split(r"[\s:{,]", info.strip(), maxsplit=1)[0].lower()
    names = frozenset(known)
    path = _in_info(info, names) or _in_lead(lead, language, names)
    if path is None and (comment := _COMMENT.match(content.split("\n", 1)[0][:300])):
        path = (
            comment["path"] if _is_path(comment["path"], names) and fits(language, comment["path"]) else None
        )
    return None if path is None else clean(path)


def clean(path: str) -> str:
    """A path as written, with slashes and without `./`."""
    return path.replace("\\", "/").removeprefix("./")


def path_in_line(line: str, known: Iterable[str] = ()) -> str | None:
    """The path of a line that names a file and says nothing else."""
    return _named(line, frozenset(known))


def _in_info(info: str, known: frozenset[str]) -> str | None:
    attribute = _ATTRIBUTE.search(info)
    if attribute is not None:
        return attribute[1]
    words = re.split(r"[\s,{}]+", info.strip())
    glued = [part for word in words for part in word.split(":") if part]
    return next((word for word in glued if _is_path(word, known, is_info=True)), None)


def _in_lead(lead: Sequence[str], language: str, known: frozenset[str]) -> str | None:
    """By the line right above; else by the only one further up that is nothing but a heading with a path."""
    if not lead:
        return None
    nearest = _named(lead[-1], known)
    if nearest is not None:
        return nearest if fits(language, nearest) else None
    above = {path for line in lead[:-1] if _is_heading(line) and (path := _named(line, known)) is not None}
    return next(iter(above)) if len(above) == 1 and fits(language, *above) else None


def _is_heading(line: str) -> bool:
    return re.match(r"\s*(?:#{1,6}\s|\*\*.*\*\*:?\s*$|`[^`]+`:?\s*$)", line) is not None


def _named(line: str, known: frozenset[str]) -> str | None:
    """The one path of a line, if the line names a file and says nothing else, or the task knows the file."""
    if len(line) > 300:
        return None
    marked = [next(filter(None, groups)) for groups in _QUOTED.findall(line)]
    marked = [word for word in marked if _is_path(word.rstrip(":"), known)]
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line)
    rest = text
    for word in marked:
        rest = rest.replace(word, " ")
    plain = [match[0] for match in _TOKEN.finditer(rest) if _is_path(match[0], known)]
    paths = list(dict.fromkeys(clean(word.rstrip(":")) for word in [*marked, *plain]))
    if len(paths) != 1:
        return None
    for word in plain:
        rest = rest.replace(word, " ")
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", rest)]
    if len(words) <= _MOST_WORDS and set(words) <= _WORDS:
        return paths[0]
    return paths[0] if paths[0] in known and marked and line.rstrip(" *").endswith(":") else None


def _is_path(word: str, known: frozenset[str], *, is_info: bool = False) -> bool:
    """Whether a word can be a file's path: by its suffix, its folders, or as the task knows it."""
    word = clean(word)
    if word in known:
        return True
    pure = PurePosixPath(word)
    if word.lower() in _NO_PATHS or "://" in word or not (_TOKEN.fullmatch(word) or _FOLDERS.fullmatch(word)):
        return False
    if "/" not in word and pure.suffix.lower() == ".js" and pure.stem.lower() in _PRODUCTS:
        return False
    return is_info or (is_file_suffix(word) and bool(pure.suffix or _TOKEN.fullmatch(word)))
