"""What the run without an answer compiled is read by later ones; nothing that an answer's run wrote ever is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cascade.types import Candidate, Report, Task, Verdict
from cascade.validators.baseline.store import Store
from cascade.validators.bytecode import Compiled, digest_of
from cascade.validators.pytest import Pytest
from cascade.validators.sandbox import Sandbox
from cascade.validators.snapshot import Snapshots
from cascade.validators.suite import Suite
from cascade.validators.workspace import Workspace

REPOSITORY = {
    "solution.py": "from helper import one\n\n\ndef add(a, b):\n    return a + b * one()\n",
    "helper.py": "def one():\n    return 1\n",
    "test_solution.py": "from solution import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
}
WRONG = REPOSITORY["solution.py"].replace("+", "-")
# Puts a module that tests nothing in the place of everything compiled, in place and by another file of that name.
FORGES = f"""
import contextlib, marshal, pathlib
for path in pathlib.Path(__file__).parent.rglob("*.pyc"):
    head = path.read_bytes()[:16]
    forged = head + marshal.dumps(compile("def test_add(): pass\\ndef one(): return -1", "x", "exec"))
    with contextlib.suppress(OSError):
        path.chmod(0o666)
    with contextlib.suppress(OSError):
        path.write_bytes(forged)
    with contextlib.suppress(OSError):
        path.unlink()
        path.write_bytes(forged)
{REPOSITORY["solution.py"]}"""


@dataclass
class Looks:
    """Notes the compiled files that each answer's workspace begins with."""

    name: str = "looks"
    stage: int = 0
    seen: list[dict[str, bytes]] = field(default_factory=list)

    async def check(self, workspace: Workspace) -> Report:
        """passed."""
        found = workspace.root.rglob("*.pyc")
        self.seen.append({path.name.split(".")[0]: path.read_bytes() for path in found})
        return Report(name=self.name, status="passed")


async def verdicts(
    sandbox: Sandbox, tmp_path: Path, *answers: dict[str, str]
) -> tuple[list[Verdict], list[dict[str, bytes]]]:
    """One after the other, on the repository; and what was there compiled for each."""
    root = tmp_path / "repo"
    root.mkdir(exist_ok=True)
    for path, text in REPOSITORY.items():
        (root / path).write_text(text)
    looks, task = Looks(), Task(prompt="", workspace=str(root))
    suite = Suite([looks, Pytest(sandbox)], sandbox=sandbox, baselines=Store(tmp_path / "kept"))
    try:
        await suite.prepare(task)
        return [await suite.check(task, Candidate(text="", files=answer)) for answer in answers], looks.seen
    finally:
        await suite.aclose()


async def test_all_but_the_files_that_an_answer_touches_are_compiled_already(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    found, seen = await verdicts(sandbox, tmp_path, {"solution.py": WRONG}, {"helper.py": "one = int\n"})
    assert [set(each) for each in seen] == [{"helper", "test_solution"}, {"solution", "test_solution"}]
    assert [verdict.status for verdict in found] == ["failed", "failed"]
    assert [said.path for said in found[0].reports[-1].diagnostics] == ["test_solution.py"]


async def test_nothing_that_an_answer_writes_is_read_by_the_next_run(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    answers = [{"solution.py": text} for text in (WRONG, FORGES, WRONG)]
    found, seen = await verdicts(sandbox, tmp_path, *answers)
    assert [found[0].status, found[2].status] == ["failed", "failed"]
    assert seen[0]
    assert seen[2] == seen[0]


async def test_a_later_process_has_it_with_the_baseline(sandbox: Sandbox, tmp_path: Path) -> None:
    await verdicts(sandbox, tmp_path)
    for kept in tmp_path.rglob("kept/*.json"):
        assert kept.with_suffix(".pyc").is_file()
    found, seen = await verdicts(sandbox, tmp_path, {"solution.py": WRONG})
    assert set(seen[0]) == {"helper", "test_solution"}
    assert found[0].status == "failed"


@pytest.mark.parametrize("same", [True, False])
def test_what_was_compiled_of_another_content_is_not_used(tmp_path: Path, *, same: bool) -> None:
    root, other = tmp_path / "repo", tmp_path / "other"
    root.mkdir()
    (root / "a.py").write_text("a = 1\n")
    other.write_text("a = 1\n" if same else "a = 2\n")
    snapshots = Snapshots(tmp_path)
    content = b"MAGI" + b"\0" * 12 + b"code"
    snapshots.keep_compiled(str(root), [Compiled("__pycache__/a.cpython-311.pyc", digest_of(other), content)])
    (tmp_path / "ws").mkdir()
    snapshots.materialise(str(root), tmp_path / "ws", share=True)
    stamp = int((tmp_path / "ws" / "a.py").stat().st_mtime).to_bytes(4, "little")
    found = [path.read_bytes() for path in (tmp_path / "ws").rglob("*.pyc")]
    assert found == [b"MAGI" + b"\0" * 4 + stamp + b"\0" * 4 + b"code"] * same


@pytest.mark.parametrize("path", ["__pycache__/test_a.cpython-311.pyc", "a.pyc", "x/__pycache__/y"])
def test_an_answer_brings_no_compiled_code(path: str) -> None:
    with Workspace(Task(prompt=""), Candidate(text="", files={path: "x"})) as workspace:
        assert workspace.ignored == {path: "it is compiled code"}
        assert not list(workspace.root.rglob("*.pyc"))
