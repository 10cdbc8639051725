"""Type checks in forks of an interpreter that holds the standard library's stubs already built.

mypy's own daemon code does the work; each candidate is checked in a fork, so that nothing of it stays behind. It
is mypy's internal interface: where it has changed, the fork runs the command line's entry point instead.
"""

# ruff: noqa: PTH108, PTH118, PTH123
# Paths are plain strings here: pathlib would be loaded into every candidate.
from __future__ import annotations

import contextlib
import gc
import io
import json
import os
from typing import Any

from cascade.validators.inside.syntax_job import fault

# Built once. Anything else that a candidate imports is built in its fork.
STANDARD = (
    "abc", "bisect", "collections", "collections.abc", "contextlib", "copy", "dataclasses", "datetime", "decimal",
    "enum", "fractions", "functools", "heapq", "itertools", "json", "math", "operator", "os",
    "random", "re", "statistics", "string", "sys", "time", "typing", "typing_extensions",
)  # fmt: skip
FLAGS = (
    "--config-file=",
    "--show-column-numbers",
    "--show-error-codes",
    "--output=json",
    "--no-error-summary",
)


class _State:
    """What the server prepared; its forks inherit it."""

    server: Any = None
    flags: tuple[str, ...] = ()


STATE = _State()


def prepare(setup: dict[str, Any]) -> None:
    """Build the stubs of the standard library with `setup["flags"]`."""
    STATE.flags = (*FLAGS, *setup["flags"])
    # Not the pid: in a namespace of its own every worker has the same.
    warm = os.path.join(setup["root"], f"warm-{os.urandom(8).hex()}.py")
    with open(warm, "w", encoding="utf-8") as file:
        file.writelines(f"import {name}\n" for name in STANDARD)
    try:
        from mypy.dmypy_server import Server, process_start_options

        server = Server(process_start_options(list(STATE.flags), allow_sources=False), f"{warm}.status")
        server.cmd_check([warm], export_types=False, is_tty=False, terminal_width=80)
        STATE.server = server
    except (ImportError, AttributeError, TypeError, SystemExit):
        STATE.server = None  # another mypy than the ones we know: each check runs cold
    finally:
        os.unlink(warm)


def job(payload: dict[str, Any], report: int) -> None:
    """Check `payload["files"]`; the report is mypy's JSON lines and a last record."""
    os.chdir(payload["root"])
    gc.disable()  # the child ends soon, and a collection would copy every page that it shares
    faults = [{"file": path, **found} for path in payload["files"] if (found := _unparsable(path))]
    if faults:
        # The daemon passes over files that it cannot parse.
        records = [json.dumps({**one, "code": "syntax", "severity": "error"}) for one in faults]
        out, err, status = "\n".join(records), "", 2
    elif STATE.server is not None:
        answer = STATE.server.cmd_check(payload["files"], export_types=False, is_tty=False, terminal_width=80)
        out, err, status = (
            answer.get("out", ""),
            answer.get("err", "") or answer.get("error", ""),
            answer["status"],
        )
    else:
        out, err, status = _cold(payload["files"])
    end = json.dumps({"end": True, "status": status, "error": err[-2000:], "warm": STATE.server is not None})
    _put(report, f"{out.rstrip()}\n{end}\n".encode("utf-8", "replace"))


def _unparsable(path: str) -> dict[str, Any] | None:
    found = fault(path)
    if found is None:
        return None
    line, column = found["line"] or -1, found["column"] or 0
    return {"line": line, "column": column - 1, "message": found["message"]}


def _cold(files: list[str]) -> tuple[str, str, int]:
    from mypy import api

    with contextlib.redirect_stdout(io.StringIO()):
        return api.run([*STATE.flags, f"--cache-dir={os.devnull}", *files])


def _put(report: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(report, view) :]
