"""The project's own interpreter runs its tests and its type check, in the sandbox, on the workspace's copy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cascade.types import Candidate, Report, Task
from cascade.validators.interpreter import Interpreter
from cascade.validators.mypy import Mypy
from cascade.validators.project import Project
from cascade.validators.pytest import Pytest
from cascade.validators.sandbox import Sandbox
from cascade.validators.suite import Suite

OURS = Path(next(path for path in sys.path if path.endswith("site-packages")))
PYTEST = ("pytest", "py.py", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "pytest-*.dist-info")
GOOD, BAD = "def add(a, b):\n    return a + b\n", "def add(a, b):\n    return a - b\n"


def environment(folder: Path, packages: tuple[str, ...] = PYTEST) -> Path:
    """A virtual environment with these of our packages; its site-packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    for package in packages:
        for place in OURS.glob(package):
            (site / place.name).symlink_to(place)
    return site


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One environment for the tests that do not change it: its server stays warm."""
    folder = tmp_path_factory.mktemp("environment")
    (environment(folder) / "only_there.py").write_text("x: int = 1\n")
    return folder


class Repository:
    """A workspace and the interpreter of its project."""

    def __init__(self, folder: Path, python: str = ".venv/bin/python") -> None:
        self.folder = folder
        self.python = python

    def write(self, files: dict[str, str]) -> None:
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)

    async def check(self, validator: Pytest | Mypy, answer: dict[str, str]) -> Report:
        project = Project(python=self.python, baseline=False)
        suite = Suite([validator], sandbox=validator.sandbox, project=project)
        verdict = await suite.check(
            Task(prompt="", workspace=str(self.folder)), Candidate(text="", files=answer)
        )
        await suite.aclose()
        return verdict.reports[0]


@pytest.fixture
def repository(tmp_path: Path, shared: Path) -> Repository:
    made = Repository(tmp_path, str(shared / "bin" / "python"))
    made.write(
        {
            "solution.py": BAD,
            "test_add.py": "import os, sys\nimport only_there\nfrom solution import add\n\n\ndef test_add():\n"
            "    assert add(1, 2) == 3\n    assert os.environ['VIRTUAL_ENV'] == sys.prefix\n"
            "    assert sys.executable == os.path.join(sys.prefix, 'bin', 'python')\n"
            "    assert os.environ['PATH'].startswith(sys.prefix)\n",
        }
    )
    return made


async def test_tests_run_with_what_the_environment_has_and_the_copy_is_what_they_import(
    sandbox: Sandbox, repository: Repository
) -> None:
    right = await repository.check(Pytest(sandbox), {"solution.py": GOOD})
    assert (right.status, right.detail) == ("passed", "1 of 1 tests passed")
    assert (await repository.check(Pytest(sandbox), {"solution.py": BAD})).status == "failed"


async def test_a_cold_run_says_the_same(
    sandbox: Sandbox, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Interpreter, "is_warm", False)
    assert (await repository.check(Pytest(sandbox), {"solution.py": GOOD})).status == "passed"
    wrong = await repository.check(Pytest(sandbox), {"solution.py": BAD})
    assert wrong.diagnostics[0].message == "assert -1 == 3, where -1 = add(1, 2)"
    forged = await repository.check(Pytest(sandbox), {"solution.py": f"import os\nos._exit(0)\n{BAD}"})
    assert forged.status == "failed"


async def test_the_environment_is_read_only_and_holds_no_secret(
    sandbox: Sandbox, repository: Repository, shared: Path
) -> None:
    os.environ["MY_API_KEY"] = "sk-very-secret"
    attack = (
        "import os, only_there\n\n\ndef add(a, b):\n    assert 'sk-very-secret' not in str(dict(os.environ))\n"
        "    for place in (only_there.__file__, os.path.dirname(only_there.__file__) + '/planted.pth'):\n"
        "        try:\n            open(place, 'w')\n        except OSError:\n            continue\n"
        "        return 'written'\n    return a + b\n"
    )
    result = await repository.check(Pytest(sandbox), {"solution.py": attack})
    assert result.status == "passed", result
    written = [path for path in shared.rglob("*") if path.name == "planted.pth"]
    assert not written
    assert next(shared.rglob("only_there.py")).read_text() == "x: int = 1\n"


async def test_its_plug_ins_and_their_options_are_loaded(sandbox: Sandbox, tmp_path: Path) -> None:
    repository, site = Repository(tmp_path), environment(tmp_path / ".venv")
    (site / "plug.py").write_text(
        "import pytest\n\n\ndef pytest_addoption(parser):\n    parser.addoption('--plugged')\n\n\n"
        "@pytest.fixture\ndef plugged(request):\n    return request.config.getoption('--plugged')\n"
    )
    info = site / "plug-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[pytest11]\nplug = plug\n")
    repository.write(
        {
            "pytest.ini": "[pytest]\naddopts = --plugged=yes\nrequired_plugins = plug\n",
            "test_p.py": "import solution\n\n\ndef test_p(plugged):\n    assert plugged == 'yes'\n",
        }
    )
    result = await repository.check(Pytest(sandbox), {"solution.py": GOOD})
    assert (result.status, result.detail) == ("passed", "1 of 1 tests passed")


FINDER = """import sys
from importlib.machinery import PathFinder
from importlib.util import spec_from_file_location
MAPPING = {'made': %r}


class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in MAPPING:
            return spec_from_file_location(name, MAPPING[name] + '/__init__.py')


sys.meta_path.insert(0, Finder)
"""


@pytest.mark.parametrize("kind", ["path", "finder"])
async def test_an_editable_install_of_the_users_folder_leads_to_the_copy(
    sandbox: Sandbox, tmp_path: Path, kind: str
) -> None:
    repository, site = Repository(tmp_path), environment(tmp_path / ".venv")
    place = tmp_path / "code" / "made"
    if kind == "path":
        (site / "made.pth").write_text(f"{place.parent}\n")
    else:
        (site / "_made_finder.py").write_text(FINDER % str(place))
        (site / "made.pth").write_text("import _made_finder\n")
    test = "import made\n\n\ndef test_made():\n    assert made.right\n"
    repository.write({"code/made/__init__.py": "right = False\n", "tests/test_made.py": test})
    # A file beside the package: nothing of the answer says where it is imported from.
    good = await repository.check(Pytest(sandbox), {"code/made/__init__.py": "right = True\n"})
    assert good.status == "passed", good
    assert (await repository.check(Pytest(sandbox), {"other.py": "x = 1\n"})).status == "failed"


async def test_what_the_server_has_imported_already_is_imported_from_the_workspace(
    sandbox: Sandbox, repository: Repository
) -> None:
    test = "import iniconfig\n\n\ndef test_i():\n    assert iniconfig.mine\n"
    repository.write({"src/iniconfig/__init__.py": "mine = 0\n", "test_i.py": test})
    assert (await repository.check(Pytest(sandbox), {"src/iniconfig/__init__.py": "mine = 1\n"})).status == (
        "failed"  # test_add, whose solution is wrong
    )
    answer = {"src/iniconfig/__init__.py": "mine = 1\n", "solution.py": GOOD}
    assert (await repository.check(Pytest(sandbox), answer)).status == "passed"


async def test_an_environment_without_pytest_is_unchecked_with_the_line_that_installs_it(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    repository = Repository(tmp_path)
    environment(tmp_path / ".venv", ())
    repository.write({"solution.py": BAD, "test_add.py": "def test_it():\n    pass\n"})
    result = await repository.check(Pytest(sandbox), {"solution.py": GOOD})
    assert result.status == "unchecked"
    assert "No module named pytest" in (result.detail or "")
    assert (result.detail or "").endswith(".venv/bin/python -m pip install pytest")


@pytest.mark.parametrize("python", ["nowhere/python", "solution.py", "text"])
async def test_an_interpreter_that_is_none_is_named_with_what_to_do(
    sandbox: Sandbox, repository: Repository, python: str
) -> None:
    repository.write({"text": "#!/bin/sh\necho 3\n"})
    (repository.folder / "text").chmod(0o755)
    repository.python = python
    result = await repository.check(Pytest(sandbox), {"solution.py": GOOD})
    assert result.status == "unchecked"
    assert "project.python" in (result.detail or "")


@pytest.mark.parametrize("own", [True, False])
async def test_mypy_knows_the_environments_packages_with_its_own_mypy_or_with_ours(
    sandbox: Sandbox, tmp_path: Path, own: bool
) -> None:
    repository, site = Repository(tmp_path), environment(tmp_path / ".venv", ("*",) if own else ())
    (site / "only_there").mkdir()
    (site / "only_there" / "__init__.py").write_text("x: int = 1\n")
    (site / "only_there" / "py.typed").write_text("")
    answer = {"solution.py": "import only_there\n\nonly_there.x.append(1)\n"}
    result = await repository.check(Mypy(sandbox), answer)
    assert [found.code for found in result.diagnostics] == ["attr-defined"], result
