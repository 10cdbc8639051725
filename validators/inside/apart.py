"""The answer in a process of its own: set up before the tests are collected."""

# ruff: noqa: PTH102, PTH118, PTH208
# Paths are plain strings here: pathlib would be loaded into every candidate.
from __future__ import annotations

import os
import socket
import sys
from typing import Any

from cascade.validators.inside import landlock
from cascade.validators.inside.confine import DEVICES
from cascade.validators.inside.remote import Finder, Line, modules_of
from cascade.validators.inside.solution import become_solution


def separate(payload: dict[str, Any], channel: int) -> None:
    """Fork: the child becomes the solution's process, which cannot write the workspace, nor read the tests."""
    ours, theirs = socket.socketpair()
    place = os.path.join(payload["scratch"], "solution")
    os.mkdir(place)
    if os.fork() == 0:
        os.close(channel)
        ours.close()
        os.chdir(place)
        os.environ.update(HOME=place, TMPDIR=place)
        if landlock.abi():
            seen = [
                os.path.join(payload["root"], name)
                for name in _without_tests(payload["root"], payload["tests"])
            ]
            landlock.restrict([*payload["readable"], *seen], [place], DEVICES, [payload["root"]])
        become_solution(theirs, payload["root"])
    theirs.close()
    sys.meta_path.insert(0, Finder(Line(ours), modules_of(payload["answer"])))


def _without_tests(root: str, tests: list[str]) -> list[str]:
    """What lies in the root and holds no test."""
    holding = {path.split("/", 1)[0] for path in tests}
    return [name for name in os.listdir(root) if name not in holding]
