"""What must fail inside: the library runs this before it believes in a sandbox."""

# ruff: noqa: PTH118, PTH123, PTH208
# Paths are plain strings here: pathlib would be loaded into every candidate.
from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable
from typing import Any


def job(payload: dict[str, Any], report: int) -> None:
    """Try to break out in every plain way; report what worked as a list of names."""
    attempts: dict[str, Callable[[], object]] = {
        "read": lambda: _read(payload["secret_file"]),
        "list": lambda: os.listdir(payload["outside"]),
        "write": lambda: _write(os.path.join(payload["outside"], "written")),
        "environment": lambda: _environment(payload["secret"]),
        "processes": lambda: _read(f"/proc/{payload['pid']}/environ"),
        "network": lambda: _connect(payload["port"]),
        "unix": lambda: socket.socket(socket.AF_UNIX).close() if payload["no_sockets"] else _refuse(),
        "signal": lambda: os.kill(payload["pid"], signal.SIGCONT),
    }
    broken = []
    for name, attempt in attempts.items():
        try:
            attempt()
        except (OSError, ValueError):
            continue
        broken.append(name)
    os.write(report, json.dumps(broken).encode())


def _read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def _write(path: str) -> None:
    with open(path, "wb") as file:
        file.write(b"x")


def _refuse() -> None:
    raise OSError


def _environment(secret: str) -> None:
    with open("/proc/self/environ", "rb") as file:
        inherited = file.read().decode("utf-8", "replace")
    if secret not in inherited and secret not in str(dict(os.environ)):
        raise OSError


def _connect(port: int) -> None:
    with socket.socket() as connection:
        connection.settimeout(1.0)
        connection.connect(("127.0.0.1", port))
