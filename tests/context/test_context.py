"""What of a workspace is shown: the files that globs name, in one order, never from outside, and what is left out."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from cascade.context import Context, Contexts, ContextSettings, Shown, reading, tree
from cascade.errors import InputError
from cascade.tokens import estimate_tokens
from cascade.types import Task


async def shown(root: Path, *globs: str, most_tokens: int = 200_000) -> Context:
    contexts = Contexts(ContextSettings(globs=globs or ("**",), most_tokens=most_tokens))
    context = await contexts.of(Task(prompt="p", workspace=str(root)))
    assert context is not None
    return context


def fill(root: Path, files: dict[str, str | bytes]) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


async def test_files_stand_whole_in_the_order_of_their_paths(tmp_path: Path) -> None:
    root = fill(
        tmp_path, {"b/z.py": "z = 1\n", "a.py": "a = '```'\r\n\f", "b/a.md": "no end", "c.txt": "not named"}
    )
    context = await shown(root, "b/**", "*.py")
    assert context.text == (
        "Files of the workspace, as they stand before any change:\n\n"
        "````py a.py\na = '```'\r\n\f\n````\n\n```md b/a.md\nno end\n```\n\n```py b/z.py\nz = 1\n```"
    )
    assert list(context.files) == ["a.py", "b/a.md", "b/z.py"]
    assert context.left_out == ()


async def test_what_cannot_be_shown_is_left_out_in_words(tmp_path: Path) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("KEY=hunter2")
    root = fill(
        tmp_path / "repo",
        {
            "a.py": "a\n",
            "logo.png": b"\x89PNG\0\0",
            "latin.txt": "café".encode("latin-1"),
            ".git/config": "url\n",
            "node_modules/x/index.js": "x\n",
            "myenv/pyvenv.cfg": "home = /usr\n",
            "myenv/lib/site.py": "s\n",
            "__pycache__/a.pyc": b"\0",
        },
    )
    (root / "out.txt").symlink_to(outside)
    (root / "dir").symlink_to(tmp_path)
    (root / "in.py").symlink_to("a.py")
    (root / "dangling").symlink_to("nowhere")
    (root / "line\nbreak.py").write_text("b\n")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(root / "sock"))
        context = await shown(root)
    assert list(context.files) == ["a.py"]
    assert "hunter2" not in context.text
    assert context.left_out == (
        "'line\\nbreak.py': its name cannot be written down",
        "dangling: a link that leads nowhere",
        "dir: a link that leads out of the workspace",
        "in.py: a link to a.py",
        "latin.txt (4 bytes): not UTF-8 text",
        "logo.png (6 bytes): binary",
        "out.txt: a link that leads out of the workspace",
        "pipe: not a file (a socket, a pipe or a device)",
        "sock: not a file (a socket, a pipe or a device)",
    )
    assert all(f"- {line}\n" in f"{context.text}\n" for line in context.left_out)


async def test_what_does_not_fit_is_named_and_earlier_globs_come_first(tmp_path: Path) -> None:
    files = {f"pkg/m{number}.py": "x = 1\n" * 100 for number in range(9)}
    root = fill(tmp_path, {**files, "zcore.py": "core = 1\n" * 100, "huge.csv": "1,2\n" * 100_000})
    context = await shown(root, "zcore.py", "pkg/*.py", "*.csv", most_tokens=1400)
    assert list(context.files) == ["pkg/m0.py", "pkg/m1.py", "pkg/m2.py", "pkg/m3.py", "zcore.py"]
    assert context.left_out[:2] == (
        "huge.csv (400 KB): too long for the tokens that are left",
        "pkg/m4.py (600 bytes): too long for the tokens that are left",
    )
    assert context.tokens == estimate_tokens(context.text) <= 1400


async def test_a_large_tree_is_listed_by_folders(tmp_path: Path) -> None:
    root = fill(tmp_path, {f"d{n % 7}/s{n % 50}/f{n}.py": "x" * 400 for n in range(2000)})
    context = await shown(root, most_tokens=1000)
    assert context.left_out_files + len(context.files) == 2000
    assert len(context.left_out) <= 200
    assert estimate_tokens(context.text) <= 1000
    assert "files (" in context.left_out[0]
    wide = fill(tmp_path / "wide", {f"d{n}/f.py": "x" * 400 for n in range(400)})
    listed = await shown(wide, "**", most_tokens=9000)
    assert len(listed.left_out) == 200
    assert listed.left_out[-1].split(":")[0] == f"{listed.left_out_files - 199} more folders"


async def test_the_same_tree_gives_the_same_bytes_and_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fill(tmp_path / "one", {"a.py": "a\n", "b.py": "b\n"})
    copy = fill(tmp_path / "two", {"b.py": "b\n", "a.py": "a\n"})
    read: list[str] = []
    made = Contexts(ContextSettings(globs=("*.py",)))

    def counted(root: Path, path: str, *, most_bytes: int) -> Shown | str:
        read.append(path)
        return reading.read(root, path, most_bytes=most_bytes)

    monkeypatch.setattr("cascade.context.making.read", counted)
    first = await made.of(Task(prompt="p", workspace=str(root)))
    again = await made.of(Task(prompt="q", id="other", workspace=str(root)))
    other = await made.of(Task(prompt="p", workspace=str(copy)))
    assert first is not None
    assert first is again
    assert first is other
    assert read == ["a.py", "b.py"] * 2
    (root / "a.py").write_text("changed\n")
    changed = await made.of(Task(prompt="p", workspace=str(root)))
    assert changed is not None
    assert changed.sha256 != first.sha256
    assert made.kept(first.sha256) is first


async def test_a_task_names_its_own_and_a_conversation_has_none(tmp_path: Path) -> None:
    root = fill(tmp_path, {"a.py": "a\n", "b.py": "b\n"})
    made = Contexts(ContextSettings(globs=("a.py",)))
    own = await made.of(Task(prompt="p", workspace=str(root), context=("b.py",)))
    assert own is not None
    assert list(own.files) == ["b.py"]
    assert await made.of(Task(prompt="p", workspace=str(root), context=())) is None
    assert await made.of(Task(prompt="p")) is None
    assert await made.of(Task(prompt="p", workspace=str(root), messages=({"role": "user"},))) is None


async def test_a_pattern_that_names_nothing_is_an_error_with_what_is_there(tmp_path: Path) -> None:
    root = fill(tmp_path, {"pkg/a.py": "a\n"})
    with pytest.raises(InputError, match=r"the context scr/\*\* names no file") as raised:
        await shown(root, "scr/**")
    assert raised.value.hint == "patterns are relative to it; it holds pkg/"
    assert (await shown(root, "scr/**", "pkg")).unused == ("scr/**",)
    (empty := tmp_path / "empty").mkdir()
    assert await Contexts(ContextSettings(globs=("**",))).of(Task(prompt="p", workspace=str(empty))) is None


async def test_a_folder_swapped_for_a_link_while_it_is_read_shows_nothing_of_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fill(tmp_path / "repo", {"pkg/a.py": "a\n"})
    outside = fill(tmp_path / "outside", {"a.py": "KEY=hunter2\n"})

    def swapped(*args: Any) -> list[tree.Entry]:
        found = tree.entries(*args)
        (root / "pkg").rename(root / "old")
        (root / "pkg").symlink_to(outside)
        return found

    monkeypatch.setattr("cascade.context.keep.entries", swapped)
    context = await shown(root, "pkg/*.py")
    assert "hunter2" not in context.text
    assert context.left_out_files == 1
