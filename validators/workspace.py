"""A fresh private directory in which one candidate is checked."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from cascade.errors import InputError, StorageError
from cascade.types import Candidate, Mode, Task
from cascade.validators.bytecode import Compiled, forget, is_bytecode
from cascade.validators.paths import INFRASTRUCTURE, confined, is_test, resolve_inside
from cascade.validators.project import Project
from cascade.validators.roots import import_roots
from cascade.validators.snapshot import Snapshots

MAX_SOURCE_LINE = 240
MAX_READ = 4 << 20
# By these an environment finds packages and their plug-ins.
METADATA = (".egg-info", ".dist-info", ".egg-link", ".pth")


class RejectedCandidateError(InputError):
    """The candidate's files cannot be laid out: the answer is at fault, not the task."""

    code = "input.candidate"

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message, hint="write only to relative paths inside the workspace")
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where workspaces are made: their parent directory, and the copies they share if sharing is safe.

    `owner` is the uid under which the candidate will run, if it is not ours.
    """

    parent: Path
    snapshots: Snapshots
    share: bool = True
    owner: int | None = None


class Workspace:
    """The task's files with the candidate's laid over them and the tests restored; removed when it is left.

    `root` is the directory, `scratch` a private HOME and TMPDIR beside it. `touched` are the candidate's files,
    `tests` those of the task (those in its workspace if it brings no others), `ignored` maps a candidate's path
    that was not written to the reason. `project` says how it is built on and tested. Paths are POSIX and
    relative to `root`. With `handed_out` everything of the answer is written, its tests and configuration too: for
    checks that read, and to run the answer's own tests.

    `select` are the test files or ids to run, in this order (empty: all), `left_out` test files that are not to be
    collected, `wall_s` the seconds that the suite may
    take where its validator has no limit of its own (None: the sandbox's). `compiles` says whether the run may leave
    compiled files, for `keep_compiled`.

    Raises:
        InputError: the task's own paths or workspace are wrong.
        RejectedCandidateError: the candidate's paths are.
        StorageError: the disk is full or read-only.
    """

    def __init__(
        self,
        task: Task,
        candidate: Candidate,
        *,
        place: Place | None = None,
        project: Project = Project(),  # noqa: B008  (frozen)
        handed_out: bool = False,
    ) -> None:
        self.task = task
        self.project = project
        self.candidate = candidate
        self.tests: tuple[str, ...] = tuple(str(confined(path)) for path in task.tests)
        self.given: frozenset[str] = frozenset()
        self.ignored: dict[str, str] = {}
        self.select: tuple[str, ...] = ()
        self.left_out: tuple[str, ...] = ()
        self.wall_s: float | None = None
        self.compiles = False
        self._handed_out = handed_out
        parent = place.parent if place is not None else None
        try:
            self._home = Path(os.path.realpath(tempfile.mkdtemp(prefix="ws-", dir=parent)))
        except OSError as error:
            raise StorageError(
                f"no workspace can be made: {error}", hint="free space, or set TMPDIR"
            ) from error
        self.root = self._home / "w"
        self.scratch = self._home / "tmp"
        place = place or Place(parent=self._home, snapshots=Snapshots(self._home), share=False)
        self._place = place
        try:
            self.touched = self._lay_out(place)
        except OSError as error:
            self.close()
            raise StorageError(
                f"the workspace cannot be written: {error}", hint="free some disk space"
            ) from error
        except BaseException:
            self.close()
            raise

    def _lay_out(self, place: Place) -> tuple[str, ...]:
        self.root.mkdir()
        self.scratch.mkdir()
        if self.task.workspace is not None:
            place.snapshots.materialise(self.task.workspace, self.root, share=place.share)
            self.given = frozenset(_tests_below(self.root))
            self.tests = self.tests or tuple(sorted(self.given))
        for path, text in self.task.files.items():
            self._write(str(confined(path)), text)
        for path in self.candidate.deleted:
            self._delete(path)
        touched = tuple(
            path for path, text in self.candidate.files.items() if self._lay_candidate(path, text)
        )
        for path, text in self.task.tests.items():
            if not (self._handed_out and path in self.candidate.files):
                self._write(str(confined(path)), text)
        if place.owner is not None:
            _give(self._home, place.owner)
        return tuple(str(confined(path)) for path in touched)

    def _lay_candidate(self, path: str, text: str) -> bool:
        """Write one of the candidate's files, unless it is not the candidate's to write."""
        try:
            clean = str(confined(path))
            reason = self._not_theirs(clean)
            if reason:
                self.ignored[clean] = reason
                return False
            self._write(clean, text, mode=self.candidate.modes.get(path))
        except InputError as error:
            raise RejectedCandidateError(error.message, path=path) from error
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            message = f"{path!r:.200} is both a file and a directory"
            raise RejectedCandidateError(message, path=path) from error
        return True

    def _not_theirs(self, path: str) -> str:
        if self._handed_out:
            return ""
        for test in self.tests:
            if path == test or path.startswith(f"{test}/") or test.startswith(f"{path}/"):
                return "it is one of the task's tests"
        if path in self.given:
            return "it is one of the workspace's tests"
        if _is_made(path):
            return _is_made(path)
        configures = Path(path).name in INFRASTRUCTURE or Path(path).parts[0] in {"pytest", "_pytest"}
        if configures and path != self.task.target and path not in self.task.files:
            return "it configures the test run"
        return ""

    def _write(self, path: str, text: str, *, mode: Mode | None = None) -> None:
        """mode: what the file gets; None: as it was."""
        target = resolve_inside(self.root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        forget(target)
        executes = target.is_file() and bool(target.stat().st_mode & 0o100)
        if target.is_symlink() or target.exists():
            target.unlink()  # never write through a link, hard or soft
        target.write_bytes(_bytes(text))
        if mode == "100755" or (mode is None and executes):
            target.chmod(0o755)

    def _delete(self, path: str) -> None:
        try:
            clean = str(confined(path))
            target = resolve_inside(self.root, clean)
        except InputError as error:
            raise RejectedCandidateError(error.message, path=path) from error
        if self._not_theirs(clean):
            self.ignored[clean] = "it is not the answer's to delete"
        elif target.is_symlink() or target.is_file():
            forget(target)
            target.unlink()
        elif target.is_dir():
            shutil.rmtree(target)

    def files(self, *suffixes: str) -> tuple[str, ...]:
        """The candidate's files with one of these suffixes."""
        return tuple(path for path in self.touched if path.endswith(suffixes))

    def listing(self) -> tuple[str, ...]:
        """Every file below `root`, sorted; links are left out."""
        return tuple(sorted(_files_below(self.root)))

    def original(self, path: str) -> str | None:
        """A file's text as the task brought it; None if it brought none."""
        for given in (self.task.tests, self.task.files):
            if path in given:
                return given[path]
        if self.task.workspace is None:
            return None
        try:
            return (Path(self.task.workspace) / path).read_bytes().decode("utf-8", "replace")
        except OSError:
            return None

    @functools.cached_property
    def roots(self) -> tuple[str, ...]:
        """Folders from which modules are imported, relative to `root`, in order."""
        return import_roots(self.root, self.touched)

    def read(self, path: str) -> str | None:
        """A file's text, or None if it is missing, leads outside, or is too large to be looked at."""
        return read_below(self.root, path)

    def source_line(self, path: str | None, line: int | None) -> str | None:
        """One line of a file as it stands, clipped; None if there is no such line."""
        text = self.read(path) if path and line else None
        lines = text.splitlines() if text else []
        return lines[line - 1][:MAX_SOURCE_LINE] if line and 0 < line <= len(lines) else None

    def relative(self, path: str) -> str:
        """A tool's path as a POSIX path relative to the root, if it is inside."""
        real = path if not path.startswith("/") else os.path.relpath(path, self.root)
        return path if real.startswith("..") else Path(real).as_posix()

    def scrub(self, text: str) -> str:
        """A tool's text without this machine's paths."""
        for place, name in (
            (f"{self.root}/", ""),
            (str(self.root), "."),
            (str(self.scratch), "$HOME"),
            (sys.prefix, "<python>"),
            (sys.base_prefix, "<python>"),
        ):
            text = text.replace(place, name)
        return text

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that keep a tool's home and temporary files inside the workspace's scratch directory."""
        place = str(self.scratch)
        return {"HOME": place, "TMPDIR": place, "XDG_CACHE_HOME": place, "XDG_CONFIG_HOME": place}

    def keep_compiled(self) -> tuple[Compiled, ...]:
        """Let later workspaces have what this run compiled of the task's workspace. No answer's code may have run."""
        assert not self.candidate.files, "nothing of an answer was here"
        if self.task.workspace is None or not self._place.share:
            return ()
        compiled = self._place.snapshots.compiled(self.task.workspace, self.root)
        self._place.snapshots.keep_compiled(self.task.workspace, compiled)
        return compiled

    def close(self) -> None:
        """Remove everything, whatever was made of it."""
        _remove(self._home)

    async def aclose(self) -> None:
        """As `close`."""
        self.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _is_made(path: str) -> str:
    """What kind of file tools make and no answer writes, if it is such a one."""
    if any(part.endswith(METADATA) for part in Path(path).parts):
        return "it is the metadata of an installed package"
    return "it is compiled code" if is_bytecode(path) else ""


def _bytes(text: str) -> bytes:
    """A file's bytes; those of a text that is no UTF-8 came as lone surrogates (`surrogateescape`)."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def read_below(root: Path, path: str) -> str | None:
    """A file's text, or None if it is missing, leads out of `root`, or is too large to be looked at."""
    try:
        target = resolve_inside(root, path)
        if target.is_symlink() or not target.is_file() or target.stat().st_size > MAX_READ:
            return None
        return target.read_bytes().decode("utf-8", "replace")
    except (InputError, OSError):
        return None


def _tests_below(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        for name in names:
            if is_test(name):
                yield (Path(folder) / name).relative_to(root).as_posix()


def _files_below(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            if not path.is_symlink():
                yield path.relative_to(root).as_posix()


def _give(home: Path, owner: int) -> None:
    """Hand the directories and the private files to another user and its group; shared files stay ours."""
    _hand_over(home, owner, 0o770)
    for folder, folders, files in os.walk(home):
        for name in folders:
            _hand_over(Path(folder) / name, owner, 0o770)
        for name in files:
            path = Path(folder) / name
            if path.lstat().st_nlink == 1:
                _hand_over(path, owner, 0o660)


def _hand_over(path: Path, owner: int, mode: int) -> None:
    os.chown(path, owner, owner, follow_symlinks=False)
    if not path.is_symlink():
        path.chmod(path.stat().st_mode & 0o777 | mode)


def _remove(home: Path) -> None:
    """Remove a tree, also one whose directories were made unreadable."""
    shutil.rmtree(home, ignore_errors=True)
    if not home.exists():
        return
    for folder, _, _ in os.walk(home):
        os.chmod(folder, 0o700)  # noqa: PTH101  (os.walk gives strings; a link is never a folder here)
        for name in os.listdir(folder):  # noqa: PTH208
            path = os.path.join(folder, name)  # noqa: PTH118
            if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
                os.chmod(path, 0o700)  # noqa: PTH101
    shutil.rmtree(home, ignore_errors=True)
