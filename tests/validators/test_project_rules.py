"""pytest on a repository: its own rules hold, its own code is tested, and what it lacks is no fault of the answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from cascade.types import Candidate, Report, Task
from cascade.validators.project import Project
from cascade.validators.pytest import Pytest, PytestOptions
from cascade.validators.sandbox import Sandbox
from cascade.validators.suite import Suite

TESTED = "from solution import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
GOOD, BAD = "def add(a, b):\n    return a + b\n", "def add(a, b):\n    return a - b\n"


async def check(
    sandbox: Sandbox,
    folder: Path,
    repository: dict[str, str],
    answer: dict[str, str] | None = None,
    options: PytestOptions | None = None,
) -> Report:
    """The report on an answer (a right `solution.py` if none is given) to a repository with a wrong one."""
    for path, text in {"solution.py": BAD, **repository}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    suite = Suite([Pytest(sandbox, options)], sandbox=sandbox, project=Project(baseline=False))
    candidate = Candidate(text="", files=answer or {"solution.py": GOOD})
    verdict = await suite.check(Task(prompt="", workspace=str(folder)), candidate)
    await suite.aclose()
    return verdict.reports[0]


SLOW = "import pytest\n\n\n@pytest.mark.slow\ndef test_slow():\n    raise SystemError\n"
MARKED = "\"-m 'not slow'\"\nmarkers = ['slow: takes long']\n"
CONFIGS = {
    "pytest.ini": "[pytest]\naddopts = -m 'not slow'\nmarkers = slow: takes long\n",
    ".pytest.ini": "[pytest]\naddopts = -m 'not slow'\nmarkers = slow: takes long\n",
    "pyproject.toml": f"[tool.pytest.ini_options]\naddopts = {MARKED}",
    "tox.ini": "[tox]\n[pytest]\naddopts = -m 'not slow'\nmarkers = slow: takes long\n",
    "setup.cfg": "[metadata]\n[tool:pytest]\naddopts = -m 'not slow'\nmarkers = slow: takes long\n",
}


@pytest.mark.parametrize("name", CONFIGS)
async def test_the_configuration_holds_wherever_pytest_looks_whatever_the_answer_writes(
    sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    files = {name: CONFIGS[name], "tests/test_add.py": TESTED, "tests/test_slow.py": SLOW}
    right = await check(sandbox, tmp_path, files)
    assert (right.status, right.detail) == ("passed", "1 of 1 tests passed")
    hidden = {"solution.py": BAD, name: CONFIGS[name].replace("not slow", "slow and not slow")}
    assert (await check(sandbox, tmp_path, files, hidden)).status == "failed"


async def test_the_first_configuration_wins_and_one_without_a_section_is_none(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    files = {
        "tox.ini": "[tox]\nenvlist = py\n",
        "setup.cfg": CONFIGS["setup.cfg"],
        "test_add.py": TESTED,
        "test_slow.py": SLOW,
    }
    assert (await check(sandbox, tmp_path, files)).status == "passed"
    # An empty pytest.ini comes first, so that nothing deselects.
    assert (await check(sandbox, tmp_path, {**files, "pytest.ini": "[pytest]\n"})).status == "failed"


RULES = {
    "testpaths": {
        "pytest.ini": "[pytest]\ntestpaths = tests\n",
        "examples/test_e.py": "def test_e():\n    assert 0\n",
    },
    "norecursedirs": {
        "pytest.ini": "[pytest]\nnorecursedirs = old\n",
        "old/test_o.py": "def test_o():\n    assert 0\n",
    },
    "python_functions": {
        "pytest.ini": "[pytest]\npython_functions = test_add*\n",
        "test_o.py": "def test_other():\n    assert 0\n",
    },
    "collect_ignore": {
        "conftest.py": "collect_ignore = ['test_o.py']\n",
        "test_o.py": "def test_o():\n    assert 0\n",
    },
    "a fixture called test": {
        "test_f.py": "import pytest\n\n\n@pytest.fixture\ndef test_data():\n    return 1\n\n\n"
        "def test_it(test_data):\n    assert test_data\n"
    },
    "__test__": {"test_n.py": "__test__ = False\n\n\ndef test_n():\n    assert 0\n"},
    "importorskip": {"test_i.py": "import pytest\npytest.importorskip('nowhere')\n\n\ndef test_i():\n    assert 0\n"},
    "skip in a helper": {
        "helper.py": "import pytest\n\n\ndef leave():\n    pytest.skip('not here')\n",
        "test_s.py": "from helper import leave\n\n\ndef test_s():\n    leave()\n",
    },
    "xfail": {
        "test_x.py": "import pytest\n\n\n@pytest.mark.xfail\ndef test_x():\n    assert 0\n\n\n"
        "def test_y():\n    pytest.xfail('known')\n"
    },
    "unittest": {
        "test_u.py": "import unittest\nfrom solution import add\n\n\nclass Adds(unittest.TestCase):\n"
        "    def test_u(self):\n        with self.subTest():\n            self.assertEqual(add(1, 1), 2)\n"
        "    def test_v(self):\n        self.skipTest('later')\n"
        "    @unittest.expectedFailure\n    def test_w(self):\n        self.fail()\n"
    },
    "doctest": {
        "pytest.ini": "[pytest]\naddopts = --doctest-modules --maxfail=1\n",
        "other.py": '"""\n>>> 1 + 1\n2\n"""\n',
    },
    "strict settings": {
        "pytest.ini": "[pytest]\naddopts = --strict-config --strict-markers\njunit_family = xunit2\n"
        "faulthandler_timeout = 30\ncache_dir = .cache\n",
    },
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
async def test_the_projects_own_rules_hold(sandbox: Sandbox, tmp_path: Path, rule: str) -> None:
    files = {"tests/test_add.py": TESTED, **RULES[rule]}
    result = await check(sandbox, tmp_path, files)
    assert result.status == "passed", result
    assert (await check(sandbox, tmp_path, files, {"solution.py": BAD + "#"})).status == "failed"


@pytest.mark.parametrize(
    ("files", "words", "install"),
    [
        ({"pytest.ini": "[pytest]\naddopts = --cov=solution\n"}, "unrecognized arguments: --cov", "pytest-cov"),
        ({"pytest.ini": "[pytest]\naddopts = -n auto\n"}, "unrecognized arguments: -n", "pytest-xdist"),
        ({"pytest.ini": "[pytest]\nrequired_plugins = pytest-mock\n"}, "Missing required plugins", "pytest-mock"),
        ({"pytest.ini": "[pytest]\naddopts = -p nowhere_plug\n"}, "nowhere_plug", "nowhere-plug"),
        ({"conftest.py": "import nowhere\n"}, "'nowhere', which is not installed", "nowhere"),
        ({"test_m.py": "import yaml_\nimport solution\n"}, "'yaml_', which is not installed", "yaml_"),
        ({"test_m.py": "def test_m(mocker):\n    pass\n"}, "fixture 'mocker' not found", "pytest-mock"),
        ({"test_m.py": "async def test_m():\n    pass\n"}, "async def functions", "pytest-asyncio"),
    ],
)  # fmt: skip
async def test_what_the_environment_lacks_is_unchecked_in_its_own_words(
    sandbox: Sandbox, tmp_path: Path, files: dict[str, str], words: str, install: str
) -> None:
    result = await check(sandbox, tmp_path, {"test_add.py": TESTED, **files})
    assert result.status == "unchecked", result
    assert words in (result.detail or "")
    assert (result.detail or "").endswith(f"python -m pip install {install}")


async def test_a_conftest_that_fails_because_of_the_answer_fails_the_answer(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    files = {"conftest.py": "import solution\n", "test_add.py": TESTED}
    result = await check(sandbox, tmp_path, files, {"solution.py": "raise RuntimeError('broken')\n"})
    assert result.status == "failed"
    assert (result.diagnostics[0].path, result.diagnostics[0].line) == ("solution.py", 1)


@pytest.mark.parametrize(
    "files",
    [
        {"src/click/__init__.py": "", "pyproject.toml": "[project]\nname = 'click'\nversion = '1'\n"},
        {"lib/click/__init__.py": "", "setup.cfg": "[options]\npackage_dir =\n    = lib\n"},
        {"python/click/__init__.py": ""},
        {"click/__init__.py": ""},
    ],
)
async def test_the_workspaces_copy_is_imported_before_an_installed_package(
    sandbox: Sandbox, tmp_path: Path, files: dict[str, str]
) -> None:
    path = next(path for path in files if path.endswith(".py"))
    files = {**files, "tests/test_c.py": "import click\n\n\ndef test_c():\n    assert click.mine\n"}
    assert (await check(sandbox, tmp_path, files, {path: "mine = True\n"})).status == "passed"
    broken = await check(sandbox, tmp_path, files, {path: "raise RuntimeError\n"})
    assert (broken.status, broken.diagnostics[0].path) == ("failed", path)


async def test_a_namespace_package_is_imported_from_the_workspace(sandbox: Sandbox, tmp_path: Path) -> None:
    files = {"tests/test_c.py": "import space.part\n\n\ndef test_c():\n    assert space.part.mine\n"}
    assert (await check(sandbox, tmp_path, files, {"src/space/part.py": "mine = 1\n"})).status == "passed"
    assert (await check(sandbox, tmp_path, files, {"src/space/part.py": "mine = 0\n"})).status == "failed"


async def test_tests_of_something_else_than_the_answer_are_unchecked(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    test = (
        "import sys\nhere = list(sys.path)\nsys.path[:] = [p for p in here if 'site-packages' in p] + here\n"
        "import click\n\n\ndef test_c():\n    assert click.style\n"
    )
    files = {"click/__init__.py": "", "test_c.py": test}
    result = await check(sandbox, tmp_path, files, {"click/__init__.py": "raise RuntimeError\n"})
    assert result.status == "unchecked"
    assert "imported click from site-packages, not from the answer" in (result.detail or "")


async def test_a_suite_that_never_imports_the_answer_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    files = {"other.py": "x = 1\n", "test_o.py": "import other\n\n\ndef test_o():\n    assert other.x\n"}
    result = await check(sandbox, tmp_path, files)
    assert result.status == "passed"
    assert [(found.severity, found.path) for found in result.diagnostics] == [("warning", "solution.py")]
    assert "never imported the answer" in result.diagnostics[0].message


async def test_an_answer_cannot_bring_a_plug_in_as_an_installed_package(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    answer = {
        "solution.py": BAD,
        "evil.py": "def pytest_collection_modifyitems(items):\n    items.clear()\n",
        "evil.egg-info/entry_points.txt": "[pytest11]\nevil = evil\n",
        "evil.egg-info/PKG-INFO": "Name: evil\nVersion: 1\n",
    }
    assert (await check(sandbox, tmp_path, {"test_add.py": TESTED}, answer)).status == "failed"
