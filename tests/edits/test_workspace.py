"""Edits of a workspace's files: read from disk, never damaged, and handed out as a patch that git applies."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from cascade import Cascade
from cascade.config import from_mapping
from cascade.edits.originals import Originals
from cascade.extraction import extract
from cascade.nodes.check import read_files
from cascade.results import result_record
from cascade.testing import ScriptedModel
from cascade.trace.events import TaskFinished
from cascade.trace.reader import read_trace
from cascade.types import Attempt, Result, Task

F = "```"
OLD, NEW = "def add(a, b):\n    return a - b\n", "def add(a, b):\n    return a + b\n"
DIFF = "--- a/add.py\n+++ b/add.py\n@@ -1,2 +1,2 @@\n def add(a, b):\n-    return a - b\n+    return a + b\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "pkg").mkdir(parents=True)
    (root / "add.py").write_text(OLD)
    (root / "pkg/crlf.py").write_bytes(OLD.replace("\n", "\r\n").encode())
    (root / "latin.py").write_bytes(b"# caf\xe9\nX = 1\n")
    (root / "run.sh").write_text("echo\n")
    (root / "run.sh").chmod(0o755)
    (root / "link.py").symlink_to("add.py")
    (root / ".git").mkdir()
    (root / ".git/config").write_text("[core]\n")
    return root


def attempt(output: str, workspace: Path, **task: object) -> Attempt:
    made = Task(prompt="p", workspace=str(workspace), **task)  # type: ignore[arg-type]
    read, report = read_files(made, Attempt(number=1, tier="flash", output=output), None)
    assert report is None, report
    return read


def fault(output: str, workspace: Path) -> tuple[str, str]:
    task = Task(prompt="p", workspace=str(workspace))
    found = extract(output, task=task, originals=Originals.of(task))
    assert not found.candidate.files
    return found.diagnostics[0].code, found.diagnostics[0].message


def git_apply(patch: str, root: Path) -> None:
    environment = {"GIT_CONFIG_GLOBAL": os.devnull, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["git", "apply", "-"],
        cwd=root,
        input=patch.encode(),
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


ANSWERS: Mapping[str, str] = {
    "diff": f"{F}diff\n{DIFF}{F}\n",
    "search": "add.py\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n",
    "whole file": f"{F}python add.py\n{NEW}{F}\n",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_git_applies_the_patch_of_every_shape_in_the_workspace(answer: str, workspace: Path) -> None:
    read = attempt(answer, workspace)
    assert read.files == {"add.py": NEW}
    git_apply(read.patch, workspace)
    assert (workspace / "add.py").read_text() == NEW


def test_deletions_renames_modes_and_line_ends_are_in_the_patch(workspace: Path) -> None:
    answer = (
        f"{F}diff\ndiff --git a/add.py b/plus.py\nrename from add.py\nrename to plus.py\n"
        "diff --git a/latin.py b/latin.py\ndeleted file mode 100644\n"
        "diff --git a/run.sh b/run.sh\nold mode 100755\nnew mode 100644\n"
        f"{DIFF.replace('add.py', 'pkg/crlf.py')}{F}\n"
    )
    git_apply(attempt(answer, workspace).patch, workspace)
    assert (workspace / "plus.py").read_text() == OLD
    assert (workspace / "pkg/crlf.py").read_bytes() == NEW.replace("\n", "\r\n").encode()
    assert not (workspace / "add.py").exists()
    assert not (workspace / "latin.py").exists()
    assert not os.access(workspace / "run.sh", os.X_OK)


def test_an_executable_file_that_is_edited_stays_executable(workspace: Path) -> None:
    read = attempt(f"{F}sh run.sh\necho 2\n{F}\n", workspace)
    assert "mode" not in read.patch
    git_apply(read.patch, workspace)
    assert os.access(workspace / "run.sh", os.X_OK)


def test_the_tasks_own_files_over_a_workspace_are_part_of_the_patch(workspace: Path) -> None:
    read = attempt(f"{F}python new.py\nX = 1\n{F}\n", workspace, files={"add.py": NEW})
    git_apply(read.patch, workspace)
    assert (workspace / "add.py").read_text() == NEW


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (f"{F}diff\n--- a/latin.py\n+++ b/latin.py\n@@ -2 +2 @@\n-X = 1\n+X = 2\n{F}", "extract.encoding", "line 1"),
        (f"{F}python latin.py\nX = 2\n{F}", "extract.encoding", "0xE9"),
        (f"{F}python link.py\nX = 2\n{F}", "extract.file", "a link to add.py"),
        (f"{F}diff\n{DIFF.replace('add.py', '.git/config')}{F}", "extract.patch", "does not exist"),
        (f"{F}diff\n{DIFF.replace('add.py', '../add.py')}{F}", "extract.patch", "does not exist"),
        (f"{F}diff\n{DIFF.replace('add.py', 'crlf.py')}{F}", "extract.patch", "Did you mean pkg/crlf.py?"),
        (f"{F}python\n{NEW}{F}", "extract.no-path", "which file"),
    ],
)  # fmt: skip
def test_what_would_do_harm_is_refused_in_words(answer: str, code: str, says: str, workspace: Path) -> None:
    before = (workspace / "latin.py").read_bytes()
    found = fault(answer, workspace)
    assert found[0] == code
    assert says in found[1]
    assert (workspace / "latin.py").read_bytes() == before


def test_a_result_says_what_is_deleted_and_holds_the_patch() -> None:
    result = Result(
        id="t", status="accepted", files={"b.py": ""}, deleted=("a.py",), patch="diff --git a/a.py b/b.py\n"
    )
    record = json.loads(json.dumps(result_record(result)))
    assert (record["deleted"], record["patch"]) == (["a.py"], "diff --git a/a.py b/b.py\n")
    assert not {"deleted", "patch", "files"} & set(result_record(result, content=False))


async def test_the_trace_and_the_result_hold_the_patch(workspace: Path, tmp_path: Path) -> None:
    tier = {
        "model": "m",
        "base_url": "http://127.0.0.1:9/v1",
        "api_key": "x",
        "price": {"input": 1, "output": 2},
    }
    config = from_mapping(
        {
            "version": 1,
            "tiers": {"flash": tier, "pro": tier},
            "validators": ["syntax"],
            "policy": {"use": "fixed", "order": ["flash"]},
        }
    )
    model = ScriptedModel(ANSWERS["diff"])
    trace = tmp_path / "trace.jsonl"
    async with Cascade.from_config(config, models={"flash": model, "pro": model}, trace=trace) as cascade:
        result = await cascade.run(Task(prompt="p", workspace=str(workspace)))
    (finished,) = [event for event in read_trace(trace).events if isinstance(event, TaskFinished)]
    assert result.status == "accepted"
    assert result.patch.startswith("diff --git a/add.py b/add.py\n")
    assert isinstance(finished.result, dict)
    assert finished.result["patch"] == result.patch
