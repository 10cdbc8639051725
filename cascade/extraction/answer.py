"""An answer's files: its parts are read, put in their places, and looked through for faults of form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cascade.edits.lines import is_crlf
from cascade.edits.originals import confined_or_none
from cascade.extraction.editing import read_edits
from cascade.extraction.faults import faults_of, nothing, unsafe_path
from cascade.extraction.placing import place
from cascade.thoughts import split_thoughts
from cascade.types import Candidate, Diagnostic, Mode, Report, Task, ToolCall

NAME = "extract"


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

    `originals` are the files that an edit applies to (default: the task's); a mapping may read them when it is asked.
    A task that expects code (it has a target, tests, files or a workspace) and an answer without any give a
    diagnostic. With any diagnostic nothing of the answer is proposed: an edit is never applied in part.
    """
    base = task.files if originals is None else originals
    _, answer = split_thoughts(text)
    answer = answer.removeprefix("\ufeff")
    if is_crlf(answer):
        answer = answer.replace("\r\n", "\n")
    read = _read(answer, task, base)
    diagnostics = read.diagnostics or faults_of(
        read.files, read.deleted, task=task, originals=base, edited=read.edited
    )
    if not (read.files or read.deleted or diagnostics or tool_calls) and expects_code(task):
        diagnostics = [nothing(answer, text, task)]
    if diagnostics:
        return Extraction(Candidate(text=text, tool_calls=tool_calls), tuple(diagnostics))
    return Extraction(
        Candidate(text=text, files=read.files, deleted=read.deleted, modes=read.modes, tool_calls=tool_calls)
    )


def expects_code(task: Task) -> bool:
    """Whether an answer without any file is no answer to this task."""
    return bool(task.target or task.tests or task.files or task.workspace)


@dataclass(slots=True)
class _Read:
    files: dict[str, str] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    modes: dict[str, Mode] = field(default_factory=dict)
    edited: frozenset[str] = frozenset()
    diagnostics: list[Diagnostic] = field(default_factory=list)


def _read(answer: str, task: Task, originals: Mapping[str, str]) -> _Read:
    """Whole files over edits: who writes a file out means that."""
    editing, left = read_edits(answer, task)
    whole = place(left, answer, task, originals, has_edits=bool(editing.changes or editing.errors))
    read = _Read()
    edited = editing.without(whole.files).applied(originals)
    read.diagnostics = [error.diagnostic() for error in edited.errors] + whole.diagnostics
    read.edited = frozenset(edited.files) - set(whole.files)
    read.modes = dict(edited.modes)
    for path, text in {**edited.files, **whole.files}.items():
        clean = confined_or_none(path)
        if clean is None:
            read.diagnostics.append(unsafe_path(path))
        else:
            read.files[clean] = text
    read.deleted = tuple(path for path in edited.deleted if path not in read.files)
    return read
