"""An accepted answer is written into its workspace whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cascade.edits.originals import Originals
from cascade.edits.outcome import patch_of
from cascade.edits.tree import apply_result
from cascade.errors import InputError, StorageError
from cascade.types import Attempt, Result, Task


def accepted(root: Path, files: dict[str, str], *deleted: str) -> tuple[Task, Result]:
    task = Task(prompt="p", workspace=str(root))
    patch = patch_of(Originals.of(task), files, deleted)
    attempt = Attempt(number=1, tier="flash", files=files, deleted=deleted, patch=patch)
    return task, Result(
        id="task", status="accepted", files=files, deleted=deleted, patch=patch, attempts=(attempt,), given=1
    )


def content(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "w" / "old").mkdir(parents=True)
    (tmp_path / "w" / "a.txt").write_bytes(b"a\r\nb\x0c\xe2\x80\xa8")
    (tmp_path / "w" / "old" / "gone.py").write_text("x\n")
    return tmp_path / "w"


def test_changed_new_and_deleted_files_with_the_last_empty_folder(root: Path) -> None:
    task, result = accepted(root, {"a.txt": "A\r\nb\x0c\u2028", "new/deep/b.py": "b"}, "old/gone.py")
    assert apply_result(task, result) == ("a.txt", "new/deep/b.py", "old/gone.py")
    assert content(root) == {"a.txt": b"A\r\nb\x0c\xe2\x80\xa8", "new/deep/b.py": b"b"}
    assert not (root / "old").exists()


@pytest.mark.parametrize("fails", ["replace", "unlink"])
def test_what_fails_in_the_middle_is_undone(root: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    task, result = accepted(root, {"a.txt": "A", "new/b.py": "b"}, "old/gone.py")
    before = content(root)
    real, calls = getattr(Path, fails), []

    def once(path: Path, *args: object, **more: object) -> object:
        calls.append(path)
        if len(calls) == (2 if fails == "replace" else 1):
            raise OSError(28, "No space left on device", str(path))
        return real(path, *args, **more)

    monkeypatch.setattr(Path, fails, once)
    with pytest.raises(StorageError, match="no space left"):
        apply_result(task, result)
    assert content(root) == before
    assert sorted(path.name for path in root.iterdir()) == ["a.txt", "old"]


@pytest.mark.parametrize("change", ["edited", "deleted", "made"])
def test_nothing_is_written_where_a_file_changed_meanwhile(root: Path, change: str) -> None:
    task, result = accepted(root, {"a.txt": "A\n", "b.txt": "B = 2\n" * 9}, "old/gone.py")
    path = {"edited": "a.txt", "deleted": "old/gone.py", "made": "b.txt"}[change]
    if change == "deleted":
        (root / path).unlink()
    else:
        (root / path).write_text("mine\n")
    before = content(root)
    with pytest.raises(InputError, match=f"since {path} changed in the workspace"):
        apply_result(task, result)
    assert content(root) == before


def test_a_link_that_leads_out_is_not_followed(root: Path, tmp_path: Path) -> None:
    task, result = accepted(root, {"sub/a.py": "A\n"})
    (tmp_path / "outside").mkdir()
    (root / "sub").symlink_to(tmp_path / "outside")
    with pytest.raises(InputError):
        apply_result(task, result)
    assert os.listdir(tmp_path / "outside") == []  # noqa: PTH208
