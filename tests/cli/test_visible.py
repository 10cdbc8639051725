"""No text that a model or a server wrote drives a terminal."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.table import Table

from cascade.cli.screen import SafeConsole
from cascade.report import Tally
from cascade.report.html import page
from cascade.testing import ScriptedServer
from cascade.trace.monitor import Monitor
from cascade.visible import visible
from tests.cli.conftest import KEY

TITLE = "\x1b]0;owned\x07"
CLIPBOARD = "\x1b]52;c;cm0gLXJmIC8=\x07"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("a\r\nb", "a\nb"),
        ("50%\rdone", "50%\\x0ddone"),
        (TITLE, "\\x1b]0;owned\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("user\u202e", "user\\u202e"),
        ("half \ud83d", "half \\ud83d"),
        ("漢字 é 👍🏽", "漢字 é 👍🏽"),
    ],
)
def test_what_drives_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_tables_keep_their_style_and_show_escapes_of_cells() -> None:
    out = io.StringIO()
    table = Table("endpoint")
    table.add_row(f"model{TITLE}")
    SafeConsole(file=out, force_terminal=True, color_system="standard", width=80).print(table, style="red")
    assert "model\\x1b]0;" in out.getvalue()
    assert "\x1b]" not in out.getvalue()
    assert "\x1b[31m" in out.getvalue()


def test_a_report_page_holds_no_character_that_changes_how_it_reads() -> None:
    text = page(Tally(), Monitor(), title=f"run{TITLE}\u202e")
    assert "run\\x1b]0;owned\\x07\\u202e" in text


async def _in_terminal(words: list[str], folder: Path) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"CASCADE_TEST_KEY": KEY, "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "cascade", *words],
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    return await asyncio.to_thread(_read_all, ours, process)


def _read_all(descriptor: int, process: subprocess.Popen[bytes]) -> str:
    written = b""
    try:
        while chunk := os.read(descriptor, 65536):
            written += chunk
    except OSError:  # how Linux says that the other side is closed
        pass
    process.wait()
    os.close(descriptor)
    return written.decode("utf-8", "replace")


async def test_an_answer_on_a_terminal_cannot_drive_it(config: Callable[..., Path], tmp_path: Path) -> None:
    async with ScriptedServer(f"Done.{TITLE}{CLIPBOARD}") as serving:
        path = config(url=serving.base_url)
        shown = await _in_terminal(["run", "Say something.", "-c", str(path)], tmp_path)
    assert "Done.\\x1b]0;owned\\x07" in shown
    assert TITLE not in shown
    assert CLIPBOARD not in shown
