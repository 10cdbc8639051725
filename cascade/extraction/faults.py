"""What is wrong with an answer's form, in words that a model can act on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from cascade.edits.changes import EditError
from cascade.extraction.elided import elided_line
from cascade.types import Diagnostic, Task

_MAY_BE_EMPTY = frozenset({"__init__.py", "py.typed", ".gitkeep", ".keep", ".nojekyll", "__init__.pyi"})


def faults_of(
    files: Mapping[str, str],
    deleted: Collection[str],
    *,
    task: Task,
    originals: Mapping[str, str],
    edited: Collection[str] = (),
) -> list[Diagnostic]:
    """The faults of what an answer proposes. edited: paths that it edits rather than writes out."""
    faults = []
    for path in (*files, *deleted):
        text = files.get(path)
        fault = _of_original(path, originals, text=text)
        if fault is None and text is not None:
            fault = _of_text(path, text, task, originals, is_edited=path in edited)
        faults += [] if fault is None else [fault]
    if (
        (files or deleted)
        and not faults
        and task.target
        and not _serves(task.target, files, deleted, originals)
    ):
        faults.append(_not_written(task.target, files))
    return faults


def _serves(
    target: str, files: Mapping[str, str], deleted: Collection[str], originals: Mapping[str, str]
) -> bool:
    """Whether an answer writes the target, or leaves one that exists and changes other files that exist."""
    changed = {*files, *deleted}
    return target in changed or (target in originals and all(path in originals for path in changed))


def _of_original(path: str, originals: Mapping[str, str], *, text: str | None) -> Diagnostic | None:
    """A file that is no text may go, but it cannot be written here without harm."""
    try:
        original = originals.get(path, "") or text or ""
    except EditError as error:
        return error.diagnostic("extract.file")
    if text is None:
        return None
    at = next((at for at, char in enumerate(original) if 0xDC80 <= ord(char) <= 0xDCFF), None)
    if at is None:
        return None
    byte = ord(original[at]) - 0xDC00
    message = (
        f"{path} is not UTF-8 text (byte 0x{byte:02X} in line {original.count(chr(10), 0, at) + 1}), so it cannot be "
        "changed here without damage. Leave it as it is."
    )
    return Diagnostic(code="extract.encoding", message=message, path=path)


def _of_text(
    path: str, text: str, task: Task, originals: Mapping[str, str], *, is_edited: bool
) -> Diagnostic | None:
    """An empty file, or code that was left out."""
    is_bare = not text.strip(" \t\r\n\ufeff")
    if is_bare and PurePosixPath(path).name not in _MAY_BE_EMPTY and (not is_edited or path == task.target):
        message = f"The answer leaves {path} empty. Reply with its complete content in one fenced code block."
        return Diagnostic(code="extract.empty", message=message, path=path)
    elided = elided_line(text, path, original=originals.get(path, ""))
    if elided is None:
        return None
    line, source = elided
    message = (
        f"A comment in {path} stands for code that was left out. Write the complete file, or change the existing one "
        "by a unified diff or SEARCH/REPLACE blocks."
    )
    return Diagnostic(code="extract.elided", message=message, path=path, line=line, source=source.strip())


def _not_written(target: str, files: Mapping[str, str]) -> Diagnostic:
    written = ", ".join(sorted(files)[:5]) or "no file"
    message = (
        f"The task asks for {target}, and the answer writes {written}. Reply with the complete content of {target} "
        f"in one fenced code block that begins with ```{_language(target)}{target}."
    )
    return Diagnostic(code="extract.target", message=message, path=target)


def _language(path: str) -> str:
    suffix = PurePosixPath(path).suffix.lstrip(".")
    return f"{'python' if suffix == 'py' else suffix} " if suffix else ""


def nothing(answer: str, text: str, task: Task) -> Diagnostic:
    """An answer without any code."""
    wanted = f"`{task.target}`" if task.target else "the files that the task asks for"
    if answer.strip():
        code, what = "extract.no-code", "holds no code block"
    else:
        code, what = "extract.blank", "is blank" if not text.strip() else "holds nothing but thoughts"
    return Diagnostic(code=code, message=f"The answer {what}. Reply with one fenced code block for {wanted}.")


def loose_block(task: Task) -> Diagnostic:
    """A code block that could be any file of the workspace."""
    example = next(iter(task.files), "path/to/file.py")
    message = (
        "The code block does not say which file it is. Put the path beside the language, like "
        f"```{_language(example)}{example}."
    )
    return Diagnostic(code="extract.no-path", message=message)


def unsafe_path(path: str) -> Diagnostic:
    """A path that an answer may not write."""
    return Diagnostic(
        code="extract.unsafe-path",
        message=f"The path {path!r:.200} leaves the workspace. Use a relative path without `..`.",
    )
