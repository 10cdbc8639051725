"""Files out of an answer: one code block, several with paths, or a unified diff.

What cannot be extracted is a diagnostic, so that it can be fed back; nothing here raises on a model's text.
Fences are read by CommonMark's rules (markdown-it-py).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from cascade.patches import PatchError, apply_patch, is_patch
from cascade.thoughts import split_thoughts
from cascade.types import Candidate, Diagnostic, Report, Task, ToolCall

NAME = "extract"
_PATH = r"[\w@.\-+/\\]*[\w\-+]\.[A-Za-z][\w]{0,9}|(?:[\w.\-]+/)*(?:Makefile|Dockerfile)"
_INFO_PATH = re.compile(rf"(?:^|[\s:])(?:(?:title|file|filename|path)=)?[\"'`]?(?P<path>{_PATH})[\"'`]?\s*$")
_LEAD_PATH = re.compile(
    rf"^\W*(?:(?:new\s+)?file(?:name)?|path|in|update|create)?\s*:?\s*[`*\"']*(?P<path>{_PATH})[`*\"']*\s*:?\W*$",
    re.I,
)
_COMMENT_PATH = re.compile(
    rf"^\s*(?:#|//|--|/\*|<!--)\s*(?:file(?:name)?|path)?\s*:?\s*(?P<path>{_PATH})\s*(?:\*/|-->)?\s*$", re.I
)
_LANGUAGES = {
    ".py": {"python", "py", "python3"},
    ".ts": {"typescript", "ts"},
    ".js": {"javascript", "js"},
    ".go": {"go", "golang"},
    ".sh": {"bash", "sh", "shell"},
    ".rs": {"rust", "rs"},
    ".sql": {"sql"},
    ".json": {"json"},
    ".yaml": {"yaml", "yml"},
}


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, the path that stands with it if any, its text."""

    language: str
    path: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """What an answer proposes, and what was wrong with it."""

    candidate: Candidate
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def report(self) -> Report | None:
        """The diagnostics as a failed report, or None where there are none."""
        if not self.diagnostics:
            return None
        return Report(name=NAME, status="failed", diagnostics=self.diagnostics)


def extract(
    text: str,
    *,
    task: Task,
    originals: Mapping[str, str] | None = None,
    tool_calls: tuple[ToolCall, ...] = (),
) -> Extraction:
    """Read the files that an answer writes.

    `originals` are the files that a diff applies to (default: the task's). A task that expects code (it has a
    target, tests or files) and an answer without any give a diagnostic.
    """
    _, answer = split_thoughts(text)
    found = blocks(answer)
    diagnostics: list[Diagnostic] = []
    files: dict[str, str] = {}
    deleted: list[str] = []
    base = task.files if originals is None else originals
    patch = _patch_text(answer, found)
    if patch is not None:
        _apply(patch, base, files, deleted, diagnostics)
        found = [block for block in found if not is_patch(block.text)]
    _place(found, task, files, diagnostics)
    if not files and not deleted and not found and patch is None:
        _bare_code(answer, task, files)
    if not files and not deleted and not diagnostics and not tool_calls and expects_code(task):
        diagnostics.append(_nothing(answer, task))
    candidate = Candidate(text=text, files=files, deleted=tuple(deleted), tool_calls=tool_calls)
    return Extraction(candidate, tuple(diagnostics))


def expects_code(task: Task) -> bool:
    """Whether an answer without any file is no answer to this task."""
    return bool(task.target or task.tests or task.files or task.workspace)


def blocks(text: str) -> list[Block]:
    """The fenced code blocks of a Markdown text, in order."""
    from markdown_it import MarkdownIt

    lines = text.splitlines()
    found = []
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "fence" and token.map is not None:
            above = lines[max(0, token.map[0] - 2) : token.map[0]]
            lead = next((line for line in reversed(above) if line.strip()), "")
            language = token.info.strip().split()[0].split(":")[0].lower() if token.info.strip() else ""
            found.append(Block(language, _path_of(token.info, lead, token.content), token.content))
    return found


def _path_of(info: str, lead: str, content: str) -> str | None:
    first = content.split("\n", 1)[0]
    for pattern, where in ((_INFO_PATH, info), (_LEAD_PATH, lead), (_COMMENT_PATH, first)):
        match = pattern.search(where.strip())
        if match and len(where) < 300:
            return match["path"].replace("\\", "/")
    return None


def unsafe(path: str) -> bool:
    """Whether a path leaves the workspace or cannot be a file name."""
    pure = PurePosixPath(path)
    drive = re.match(r"^[A-Za-z]:", path) is not None
    return not path or drive or pure.is_absolute() or ".." in pure.parts or "\0" in path or path.endswith("/")


def _place(found: list[Block], task: Task, files: dict[str, str], diagnostics: list[Diagnostic]) -> None:
    """Give each block its file: by its own path, else the best one goes to the task's target."""
    loose = []
    for block in found:
        if block.path is None:
            loose.append(block)
        elif unsafe(block.path):
            diagnostics.append(_unsafe_path(block.path))
        else:
            files[_normal(block.path)] = block.text
    target = _target(task, loose)
    if loose and target and target not in files and (not files or task.target):
        files[target] = _best(loose, target).text


def _normal(path: str) -> str:
    return str(PurePosixPath(path))


def _target(task: Task, loose: list[Block]) -> str | None:
    """Where a block without a path goes: the task's target, its only file, or a name made of the language."""
    if task.target:
        return task.target
    if len(task.files) == 1:
        return next(iter(task.files))
    languages = {block.language for block in loose}
    for suffix, names in _LANGUAGES.items():
        if languages & names:
            return f"solution{suffix}"
    return None


def _best(loose: list[Block], target: str) -> Block:
    """Of several blocks for one file: the file's language first, then the longest, then the last."""
    names = _LANGUAGES.get(PurePosixPath(target).suffix, set())
    return max(enumerate(loose), key=lambda pair: (pair[1].language in names, len(pair[1].text), pair[0]))[1]


def _patch_text(answer: str, found: list[Block]) -> str | None:
    parts = [block.text for block in found if is_patch(block.text)]
    if parts:
        return "\n".join(parts)
    return answer if not found and is_patch(answer) else None


def _apply(
    patch: str,
    base: Mapping[str, str],
    files: dict[str, str],
    deleted: list[str],
    diagnostics: list[Diagnostic],
) -> None:
    try:
        changed = apply_patch(patch, base)
    except PatchError as error:
        diagnostics.append(
            Diagnostic(
                code="extract.patch",
                message=str(error),
                path=error.path,
                line=error.line,
                source=error.source,
            )
        )
        return
    for path, text in changed.items():
        if unsafe(path):
            diagnostics.append(_unsafe_path(path))
        elif text is None:
            deleted.append(path)
        else:
            files[path] = text


def _bare_code(answer: str, task: Task, files: dict[str, str]) -> None:
    """An answer that is nothing but Python, without a fence, is taken for its target."""
    target = _target(task, [])
    if not target or not target.endswith(".py"):
        return
    try:
        tree = ast.parse(answer)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    if any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign)
        for node in tree.body
    ):
        files[target] = answer


def _nothing(answer: str, task: Task) -> Diagnostic:
    wanted = f"`{task.target}`" if task.target else "the files that the task asks for"
    code, what = (
        ("extract.no-code", "holds no code block") if answer.strip() else ("extract.blank", "is blank")
    )
    return Diagnostic(code=code, message=f"The answer {what}. Reply with one fenced code block for {wanted}.")


def _unsafe_path(path: str) -> Diagnostic:
    return Diagnostic(
        code="extract.unsafe-path",
        message=f"The path {path!r} leaves the workspace. Use a relative path without `..`.",
    )
