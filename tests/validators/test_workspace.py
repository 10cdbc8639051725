"""A workspace holds the candidate, keeps the task's tests, and writes nothing outside itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import InputError
from cascade.types import Candidate, Changes, Task
from cascade.validators.paths import confined
from cascade.validators.sandbox import Sandbox
from cascade.validators.snapshot import Snapshots, left_out
from cascade.validators.suite import Suite
from cascade.validators.workspace import Place, RejectedCandidateError, Workspace
from tests.validators.conftest import verdict

BAD = [
    "",
    ".",
    "/etc/passwd",
    "../x",
    "a/../../x",
    "a\\b",
    "a\0b",
    "a\nb",
    "x" * 2000,
    "a/" + "b" * 300,
    "a/",
]


@given(st.text(alphabet=st.sampled_from("ab./\\~ \0\n-")) | st.text(max_size=30))
def test_a_path_is_refused_or_stays_inside(path: str) -> None:
    try:
        inside = confined(path)
    except InputError:
        return
    assert not inside.is_absolute()
    assert ".." not in inside.parts
    assert Path("/w", inside).is_relative_to("/w")


@pytest.mark.parametrize("path", BAD)
def test_a_candidates_bad_path_is_the_candidates_fault(path: str) -> None:
    with pytest.raises(RejectedCandidateError):
        Workspace(Task(prompt=""), Candidate(text="", files={path: "x"}))


@pytest.mark.parametrize("path", BAD)
def test_a_tasks_bad_path_is_the_tasks_fault(path: str) -> None:
    with pytest.raises(InputError) as caught:
        Workspace(Task(prompt="", files={path: "x"}), Candidate(text=""))
    assert not isinstance(caught.value, RejectedCandidateError)


def test_the_candidate_neither_writes_nor_deletes_the_tests() -> None:
    task = Task(prompt="", tests={"tests/test_a.py": "true test", "test_b.py": "b"}, files={"a.py": "old"})
    files = {
        "tests/test_a.py": "mine",
        "test_b.py/x.py": "mine",
        "tests": "a file",
        "a.py": "new",
        "c.py": "c",
    }
    candidate = Candidate(text="", files=files, deleted=("test_b.py", "tests"))
    with Workspace(task, candidate) as workspace:
        assert workspace.read("tests/test_a.py") == "true test"
        assert workspace.read("test_b.py") == "b"
        assert workspace.touched == ("a.py", "c.py")
        assert set(workspace.ignored) >= {"tests/test_a.py", "test_b.py/x.py", "tests", "test_b.py"}
        home = workspace.root.parent
    assert not home.exists()


def test_files_that_configure_the_run_are_not_the_candidates_to_bring() -> None:
    files = dict.fromkeys(("conftest.py", "a/conftest.py", "sitecustomize.py", "pytest/__init__.py"), "x")
    with Workspace(Task(prompt=""), Candidate(text="", files={**files, "ok.py": ""})) as workspace:
        assert workspace.touched == ("ok.py",)
        assert set(workspace.ignored) == set(files)


def test_a_file_that_is_also_a_directory_is_rejected() -> None:
    with pytest.raises(RejectedCandidateError):
        Workspace(Task(prompt=""), Candidate(text="", files={"a": "x", "a/b": "y"}))


def test_odd_names_and_odd_text_are_kept() -> None:
    files = {"ünï cödé.py": "x = 'é'\n", "-rf": "", "a b/c;d.py": "\ud800"}
    with Workspace(Task(prompt=""), Candidate(text="", files=files)) as workspace:
        assert workspace.read("ünï cödé.py") == "x = 'é'\n"
        assert workspace.touched == tuple(files)


def repository(root: Path, count: int = 50) -> Path:
    for number in range(count):
        (root / f"pkg{number % 5}").mkdir(exist_ok=True)
        (root / f"pkg{number % 5}" / f"m{number}.py").write_text(f"x = {number}\n")
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "inner").symlink_to("pkg0")
    return root


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "pkg/../../outside"])
def test_a_link_out_of_the_workspace_is_left_out(tmp_path: Path, target: str) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "link").symlink_to(target)
    with Workspace(Task(prompt="", workspace=str(tmp_path / "w")), Candidate(text="")) as workspace:
        assert not (workspace.root / "link").is_symlink()
    assert "leads out of the workspace" in left_out(tmp_path / "w")["link"]


def test_what_is_no_part_of_a_repository_is_left_out(tmp_path: Path) -> None:
    root = tmp_path / "w"
    for folder in ("pkg", "my-env/bin", ".tox/py"):
        (root / folder).mkdir(parents=True)
    (root / "my-env" / "pyvenv.cfg").write_text("home = /usr/bin")
    (root / "my-env" / "bin" / "python").symlink_to("/usr/bin/python3")
    (root / "python").symlink_to("my-env/bin/python")
    (root / "pkg" / "a.py").write_text("x = 1")
    (root / "absolute").symlink_to(root / "pkg" / "a.py")
    os.mkfifo(root / "pipe")
    with Workspace(Task(prompt="", workspace=str(root)), Candidate(text="")) as workspace:
        assert sorted(path.name for path in workspace.root.iterdir()) == ["absolute", "pkg"]
        assert (workspace.root / "absolute").resolve() == workspace.root / "pkg" / "a.py"
    assert set(left_out(root)) == {"pipe", "python"}


def test_the_candidate_cannot_write_through_a_link_of_the_workspace(tmp_path: Path) -> None:
    source = repository(tmp_path)
    files = {"inner/m0.py": "changed", "inner": "replaced"}
    with Workspace(Task(prompt="", workspace=str(source)), Candidate(text="", files=files)) as workspace:
        assert workspace.read("inner") == "replaced"
    assert (source / "pkg0" / "m0.py").read_text() == "x = 0\n"


def test_a_directory_is_copied_once_and_the_users_files_are_never_shared(tmp_path: Path) -> None:
    (tmp_path / "user").mkdir()
    source = repository(tmp_path / "user")
    parent = tmp_path / "parent"
    parent.mkdir()
    place = Place(parent=parent, snapshots=Snapshots(parent))
    task = Task(prompt="", workspace=str(source))
    inodes = set()
    for _ in range(3):
        with Workspace(task, Candidate(text="", files={"pkg1/m1.py": "mine"}), place=place) as workspace:
            copied = workspace.root / "pkg0" / "m0.py"
            inodes.add(copied.stat().st_ino)
            assert not copied.stat().st_mode & 0o222
            assert os.access(workspace.root / "run.sh", os.X_OK)
            assert not (workspace.root / ".git").exists()
            assert workspace.read("pkg1/m1.py") == "mine"
    assert len(inodes) == 1
    assert inodes != {(source / "pkg0" / "m0.py").stat().st_ino}
    assert (source / "pkg1" / "m1.py").read_text() == "x = 1\n"
    (source / "pkg0" / "m0.py").write_text("changed by the user\n")
    with Workspace(task, Candidate(text=""), place=place) as workspace:
        assert workspace.read("pkg0/m0.py") == "changed by the user\n"


async def test_no_candidate_changes_the_shared_copy(sandbox: Sandbox, tmp_path: Path) -> None:
    from cascade.validators.pytest import Pytest

    source = repository(tmp_path)
    spoil = (
        "import os\ndef attack():\n    for how in (lambda: os.chmod('pkg0/m0.py', 0o777),\n"
        "                lambda: open('pkg0/m0.py', 'w').write('spoiled'),\n"
        "                lambda: os.truncate('pkg0/m0.py', 0)):\n"
        "        try: how()\n        except OSError: pass\n    return open('pkg0/m0.py').read()\n"
    )
    tests = {"test_a.py": "from solution import attack\ndef test(): assert attack() == 'x = 0\\n'\n"}
    for _ in range(2):
        result = await verdict(
            Pytest(sandbox), files={"solution.py": spoil}, tests=tests, workspace=str(source)
        )
        assert result.status == "passed", result
    assert (source / "pkg0" / "m0.py").read_text() == "x = 0\n"


async def test_only_touched_files_are_looked_at(sandbox: Sandbox, tmp_path: Path) -> None:
    from cascade.validators.ruff import Ruff

    (tmp_path / "old.py").write_text("import nothing_here\nprint(undefined)\n")
    result = await verdict(Ruff(sandbox), files={"new.py": "x = 1\n"}, workspace=str(tmp_path))
    assert result.status == "passed"


async def test_a_rejected_candidate_is_a_failed_verdict() -> None:
    result = await Suite([]).check(Task(prompt=""), Candidate(text="", files={"../x": ""}))
    assert result.status == "failed"
    assert result.reports[0].name == "workspace"


def faulty(tmp_path: Path) -> str:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_calc.py").write_text(
        "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
    )
    (tmp_path / "tests" / "test_slow.py").write_text("def test_slow():\n    assert False\n")
    (tmp_path / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    return str(tmp_path)


@pytest.mark.parametrize(("body", "status"), [("a + b", "passed"), ("a * b", "failed")])
async def test_a_repositorys_own_tests_can_be_chosen(
    sandbox: Sandbox, tmp_path: Path, body: str, status: str
) -> None:
    from cascade.validators.pytest import Pytest, PytestOptions

    validator = Pytest(sandbox, PytestOptions(select=("tests/test_calc.py",)))
    files = {
        "calc.py": f"def add(a, b):\n    return {body}\n",
        "tests/test_calc.py": "def test_add(): pass\n",
    }
    result = await verdict(validator, files=files, workspace=faulty(tmp_path))
    assert result.status == status, result


async def test_all_of_a_repositorys_tests_run_if_none_are_chosen(sandbox: Sandbox, tmp_path: Path) -> None:
    from cascade.validators.pytest import Pytest

    files = {"calc.py": "def add(a, b):\n    return a + b\n"}
    result = await verdict(Pytest(sandbox), files=files, workspace=faulty(tmp_path))
    assert result.reports[0].changes == Changes(
        fixed=("tests/test_calc.py::test_add",), still_failing=("tests/test_slow.py::test_slow",)
    )
    assert result.status == "passed", "what failed before is no fault of the answer"


def test_a_full_or_missing_disk_is_said(tmp_path: Path) -> None:
    from cascade.errors import StorageError

    place = Place(parent=tmp_path / "gone", snapshots=Snapshots(tmp_path))
    with pytest.raises(StorageError, match="no workspace can be made"):
        Workspace(Task(prompt=""), Candidate(text=""), place=place)
