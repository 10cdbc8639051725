"""An accepted answer written into its workspace: all of it or nothing, and only over files that are still the same.

Each file is written beside its place and then moved there, so that a reader sees the old one or the new one. What
fails in the middle is undone from hard links to the old files; only a killed process can leave such links behind
(`.NAME.cascade-*`).
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cascade.edits.originals import Originals
from cascade.edits.outcome import patch_of
from cascade.edits.write import Version
from cascade.errors import InputError, StorageError
from cascade.storage import reason
from cascade.types import Mode, Result, Task
from cascade.validators.paths import resolve_inside


def apply_result(task: Task, result: Result) -> tuple[str, ...]:
    """Write a result's files into the task's workspace, and say which paths changed.

    Raises:
        InputError: a file of the workspace is not as the answer found it; nothing is written.
        StorageError: a file cannot be written; what was written before it is undone.
    """
    assert task.workspace is not None, "whoever applies has a workspace"
    root = Path(os.path.realpath(task.workspace))
    modes: Mapping[str, Mode] = result.answer.modes if result.answer is not None else {}
    files = {**task.files, **result.files}
    gone = [path for path in result.deleted if path not in files]
    changed = _changed(task, result, modes)
    if changed:
        raise InputError(
            f"the patch was not applied, since {', '.join(changed)} changed in the workspace meanwhile",
            hint="apply the patch yourself (`git apply --3way`), or run the task again",
            code="input.changed",
        )
    _write(
        root, {path: Version(text, modes.get(path, "100644")) for path, text in files.items()}, gone, modes
    )
    return tuple(sorted({*files, *gone}))


def _changed(task: Task, result: Result, modes: Mapping[str, Mode]) -> list[str]:
    """The paths whose files are not what the patch was made from; a patch is made from the old and the new text."""
    originals = Originals.of(task)
    if patch_of(originals, result.files, result.deleted, modes=modes) == result.patch:
        return []
    paths = sorted({*result.files, *result.deleted})
    alone = {
        path: patch_of(
            Originals({}, task.workspace),
            {path: result.files[path]} if path in result.files else {},
            () if path in result.files else (path,),
            modes=modes,
        )
        for path in paths
    }
    suspects = [path for path, patch in alone.items() if not patch or patch not in result.patch]
    return suspects or paths


def _write(root: Path, files: Mapping[str, Version], gone: Iterable[str], modes: Mapping[str, Mode]) -> None:
    move = _Move(root)
    try:
        for path, version in files.items():
            move.stage(path, version.raw, modes.get(path))
        move.make(gone)
    except OSError as error:
        move.undo()
        where = f"{error.filename}: " if error.filename else ""
        raise StorageError(
            f"the patch was not applied: {where}{reason(error)}", hint="the workspace is as it was before"
        ) from error
    except BaseException:  # an interrupt too: half a patch is none
        move.undo()
        raise
    move.done()


@dataclass(slots=True)
class _Move:
    """Files on their way into the tree: staged beside their places, old ones kept until all is done."""

    root: Path
    staged: dict[Path, Path] = field(default_factory=dict)
    kept: dict[Path, Path] = field(default_factory=dict)
    made: list[Path] = field(default_factory=list)
    moved: list[Path] = field(default_factory=list)

    def stage(self, path: str, raw: bytes, mode: Mode | None) -> None:
        """Write the new content beside its place, with the mode of the file that it replaces."""
        target = resolve_inside(self.root, path)
        if target.is_symlink() or (target.exists() and not target.is_file()):
            raise InputError(
                f"the patch was not applied: {path} is not a plain file",
                hint="apply it by hand, or move it away",
            )
        self._make_folders(target.parent)
        staged = _beside(target)
        old = target.stat() if target.exists() else None
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(staged, flags, 0o666), "wb") as file:
            self.staged[target] = staged
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
            _dress(file.fileno(), old, mode)

    def make(self, gone: Iterable[str]) -> None:
        """Move all of it to its place, and take away what is deleted."""
        deleted = [target for path in gone if (target := resolve_inside(self.root, path)).is_file()]
        for target in [*self.staged, *deleted]:
            if target.exists():
                kept = _beside(target)
                _keep(target, kept)
                self.kept[target] = kept
        for target, staged in self.staged.items():
            staged.replace(target)
            self.moved.append(target)
        for target in deleted:
            target.unlink()
            self.moved.append(target)

    def undo(self) -> None:
        """Put everything back as it was."""
        for target in self.moved:
            if target in self.kept:
                self.kept.pop(target).replace(target)
            else:
                target.unlink(missing_ok=True)
        self.done()
        for folder in reversed(self.made):
            folder.rmdir()

    def done(self) -> None:
        """Remove what stands beside, and folders that were left empty."""
        for path in [*self.kept.values(), *self.staged.values()]:
            path.unlink(missing_ok=True)
        for target in self.moved:
            folder = target.parent
            while (
                folder != self.root
                and folder not in self.made
                and folder.is_dir()
                and not any(folder.iterdir())
            ):
                folder.rmdir()
                folder = folder.parent

    def _make_folders(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            each.mkdir()
            self.made.append(each)


def _keep(target: Path, kept: Path) -> None:
    """The old file under a second name."""
    try:
        os.link(target, kept, follow_symlinks=False)
    except OSError:  # a file system without hard links
        shutil.copy2(target, kept, follow_symlinks=False)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name[:200]}.cascade-{secrets.token_hex(4)}")


def _dress(number: int, old: os.stat_result | None, mode: Mode | None) -> None:
    """Mode and owner of the file that is replaced; what the answer says of its executable bit comes on top."""
    now = os.fstat(number).st_mode if old is None else old.st_mode
    bits = stat.S_IMODE(now)
    if mode == "100755":
        bits |= (bits & 0o444) >> 2
    elif mode == "100644":
        bits &= ~0o111
    os.fchmod(number, bits)
    if old is not None and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        try:
            os.fchown(number, old.st_uid, old.st_gid)
        except PermissionError:
            return  # not ours to give away
