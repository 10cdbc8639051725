"""Files are written whole or not at all, and read with clear errors."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from cascade.errors import InputError, StorageError
from cascade.storage import open_bytes, read_text, write_atomic


def test_a_write_replaces_the_whole_file_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.txt"
    write_atomic(path, "one")
    path.chmod(0o640)
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in path.parent.iterdir()] == ["x.txt"], "no temporary file is left"


def test_a_write_goes_through_a_link_and_leaves_it_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    write_atomic(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="cannot write the file: no space left on device"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def test_text_that_is_not_utf8_is_located(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one\ntwo \xe9\n")
    with pytest.raises(InputError, match=r"x:2: the file is not UTF-8 \(byte 0xe9 at offset 8\)"):
        read_text(path)
    path.write_bytes(b"\xef\xbb\xbfbom")
    assert read_text(path) == "bom"


def test_plain_and_gzipped_read_the_same(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"a\nb\n")
    (tmp_path / "packed").write_bytes(gzip.compress(b"a\nb\n"))
    for name in ("plain", "packed"):
        with open_bytes(tmp_path / name) as lines:
            assert list(lines) == [b"a\n", b"b\n"]


def test_an_error_of_the_reader_is_not_renamed(tmp_path: Path) -> None:
    """Only what reading raises becomes an InputError, not what the caller does between lines."""
    (tmp_path / "x").write_bytes(b"a\n")
    with pytest.raises(OSError, match="mine"), open_bytes(tmp_path / "x"):
        raise OSError("mine")
