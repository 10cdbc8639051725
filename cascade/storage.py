"""Files as the house needs them: whole or not at all, UTF-8 or a clear error, plain or gzipped."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from cascade.errors import InputError, StorageError


def reason(error: OSError) -> str:
    """What the system says, without numbers and paths."""
    return (error.strerror or str(error)).lower()


def unreadable(path: str | Path, error: OSError, *, what: str, hint: str) -> InputError | StorageError:
    """The error of a file that cannot be read: the path is wrong (bad input), or the disk fails (outside)."""
    message = f"cannot read the {what} {path}: {reason(error)}"
    if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return InputError(message, hint=hint)
    return StorageError(message, hint=hint, code="storage.read")


def read_bytes(path: str | Path, *, what: str = "file") -> bytes:
    """The whole file. Raises `InputError` that names `what` if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the {what}: {reason(error)}") from error


def read_text(path: str | Path, *, what: str = "file") -> str:
    """The whole file as UTF-8 (a byte order mark is dropped). Raises `InputError` with the place otherwise."""
    raw = read_bytes(path, what=what)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: the {what} is not UTF-8 (byte 0x{raw[error.start]:02x} at offset {error.start})",
            hint="save it as UTF-8",
        ) from error


@contextlib.contextmanager
def open_bytes(path: str | Path, *, what: str = "file") -> Iterator[IO[bytes]]:
    """Open for reading; gzip is told by its first two bytes, not by the name.

    Raises `InputError` if the file cannot be opened, and later where it cannot be read on.
    """
    try:
        raw = Path(path).open("rb")  # noqa: SIM115  (closed below)
        gzipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
    except OSError as error:
        raise InputError(f"{path}: cannot read the {what}: {reason(error)}") from error
    unpacked: _Readable = gzip.GzipFile(fileobj=raw) if gzipped else raw
    with raw, io.BufferedReader(_Checked(unpacked, f"{path}", what), buffer_size=1 << 16) as reader:
        yield reader


class _Readable(Protocol):
    def readinto(self, buffer: Any, /) -> int | None: ...


class _Checked(io.RawIOBase):
    """A stream whose failures to be read are errors of ours."""

    def __init__(self, inner: _Readable, path: str, what: str) -> None:
        self._inner = inner
        self._path = path
        self._what = what

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        try:
            return self._inner.readinto(buffer)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(
                f"{self._path}: the {self._what} is gzipped and damaged: {error}",
                hint="fetch or write it again",
            ) from error
        except OSError as error:
            raise InputError(f"{self._path}: cannot read the {self._what}: {reason(error)}") from error


def write_atomic(path: str | Path, content: str | bytes, *, what: str = "file") -> None:
    """Replace the file in one step, flushed to disk: a reader sees the old or the new, never a part.

    The mode of a file that exists is kept; folders on the way are made. Raises `StorageError`.
    """
    target = Path(path)
    payload = content.encode() if isinstance(content, str) else content
    try:
        # Through a symbolic link, so that the link stays one.
        target = target.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode)
            Path(name).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise StorageError(f"{path}: cannot write the {what}: {reason(error)}") from error


def require_still_there(path: Path, descriptor: int, *, what: str) -> None:
    """Whether an open file still stands under its name. Raises `StorageError` (`storage.gone`) if it does not.

    A file that was removed or replaced takes every further line without an error, and all of it is lost.
    """
    try:
        there, ours = path.stat(), os.fstat(descriptor)
    except FileNotFoundError:
        same = False
    else:
        same = (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
    if not same:
        raise StorageError(
            f"the {what} {path} was removed or replaced while it was being written: what it held is lost",
            hint="keep it where it is until the run has ended; set another place for temporary files",
            code="storage.gone",
        )


def check_place(path: str | Path, *, what: str = "file") -> None:
    """Whether a file can be written there, before the work that it is for. Raises `StorageError`."""
    target = Path(path).resolve()
    above = next(folder for folder in target.parents if folder.exists())
    if target.is_dir():
        why = "it is a folder"
    elif not above.is_dir():
        why = f"{above} is no folder"
    elif not os.access(target if target.exists() else above, os.W_OK):
        why = "permission denied"
    else:
        return
    raise StorageError(f"{path}: cannot write the {what}: {why}", hint="choose another place for it")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
