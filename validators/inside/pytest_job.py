"""Tests in a fork of an interpreter that has imported pytest, reported on a private channel.

What counts is not the exit code: every test that was collected must be reported, then the end, each record with
the nonce of this run. An answer that ends the process early, or empties the collection, has no such record.
"""

# ruff: noqa: PTH118
# Paths are plain strings here: pathlib would be loaded into every candidate. Runs on Python 3.7 and later.
from __future__ import annotations

import _imp
import contextlib
import faulthandler
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from cascade.validators.inside import layout

# Imported once, so that a run does not pay for them.
COMMON = (
    "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools",
    "hashlib", "heapq", "itertools", "json", "math", "operator", "random", "re", "statistics", "string", "textwrap",
    "typing", "unittest",
)  # fmt: skip
MARGIN_S = 0.4
USAGE_ERROR = 4
OPTIONS = ("-q", "-q", "--tb=no", "--no-header", "--no-summary", "--color=no")
# It would end our own watch on the time.
NEVER = ("faulthandler",)
# What a few tests without rules of their own do not need, and what costs time or writes at the end.
SELDOM = ("cacheprovider", "doctest", "pastebin", "setuponly", "setupplan", "stepwise", "threadexception",
          "unraisableexception")  # fmt: skip


def prepare(setup: dict[str, Any]) -> None:
    """Import pytest, its own plug-ins and what tests commonly use."""
    del setup
    sys.dont_write_bytecode = True
    import _pytest.config

    importlib.import_module("pytest")
    for name in (*_pytest.config.default_plugins, "assertion.rewrite", "assertion.util"):
        importlib.import_module(f"_pytest.{name}")
    for name in COMMON:
        importlib.import_module(name)
    for name in ("apart", "recorder"):
        importlib.import_module(f"cascade.validators.inside.{name}")


def _place_compiled() -> bool:
    """Let a rewritten test that is read compiled name the file that it is read for, not the copy it was made from.

    The import system does so for all other modules, the newest pytest for its own. False if it cannot be done.
    """
    rewrite: Any = sys.modules.get("_pytest.assertion.rewrite")
    read: Any = getattr(rewrite, "_read_pyc", None)
    fix: Any = getattr(_imp, "_fix_co_filename", None)
    if read is None or fix is None:
        return False

    def placed(source: Any, *rest: Any) -> Any:
        code = read(source, *rest)
        if code is not None:
            fix(code, str(source))
        return code

    setattr(rewrite, "_read_pyc", placed)  # noqa: B010  (it is private, and there is no other way)
    return True


def job(payload: dict[str, Any], report: int) -> None:
    """Run the tests that the payload names, or the project's own choice; the records go to `report`."""
    channel = os.dup(report)
    os.close(report)
    tempfile.tempdir = None
    if not payload["autoload"]:
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = not (_place_compiled() and payload["compiles"])
    put = _writer(channel, payload.pop("nonce"))
    recorder = _recorder(payload, put, channel)
    layout.redirect(payload["original"], payload["root"])
    layout.defer(layout.absolute(payload["root"], payload["roots"]))
    sys.argv = ["pytest"]
    with contextlib.suppress(RuntimeError):  # no thread to be had: then a timeout has no place
        faulthandler.dump_traceback_later(max(0.1, payload["wall_s"] - MARGIN_S), file=channel)
    recorder.begin()
    recorder.finish(_main(payload, recorder))


def _recorder(payload: dict[str, Any], put: Callable[[dict[str, Any]], None], channel: int) -> Any:
    """The plug-in, and a process of its own for the answer if so wished. After it nothing of ours can be imported."""
    from cascade.validators.inside.recorder import Recorder

    if not payload["apart"]:
        layout.forget_ourselves()
        return Recorder(payload, put)
    from cascade.validators.inside import apart

    layout.forget_ourselves()
    apart.separate(payload, channel)
    payload["roots"] = []
    return Recorder(payload, put)


def _main(payload: dict[str, Any], recorder: Any) -> int:
    import pytest

    try:
        return int(pytest.main(_options(payload), plugins=[recorder]))
    except Exception:
        if recorder.usage:
            return USAGE_ERROR
        raise


def _options(payload: dict[str, Any]) -> list[str]:
    root = payload["root"]
    options = [*OPTIONS, "--rootdir", root, "--confcutdir", root]
    options += ["--basetemp", os.path.join(payload["scratch"], "pytest")]
    if payload["rules"]:
        options += ["-o", "cache_dir=" + os.path.join(payload["scratch"], "pytest-cache")]
    for plugin in (*NEVER, *(() if payload["rules"] else SELDOM)):
        options += ["-p", f"no:{plugin}"]
    options += [] if payload["rules"] else ["--capture=no"]
    options += ["-c", payload["config"] or os.devnull]
    options += [] if payload["conftest"] else ["--noconftest"]
    options += ["--import-mode=append"] if payload["apart"] else []
    for plugin in payload["plugins"]:
        options += ["-p", plugin]
    return [*options, *payload["options"], *payload["select"]]


def _writer(channel: int, nonce: str) -> Callable[[dict[str, Any]], None]:
    """Writes numbered records; the nonce lives in this closure alone."""
    number = 0
    write, dumps = os.write, json.dumps

    def put(record: dict[str, Any]) -> None:
        nonlocal number
        view = memoryview(dumps({**record, "nonce": nonce, "number": number}).encode() + b"\n")
        while view:
            view = view[write(channel, view) :]
        number += 1

    return put
