"""syntax, ruff, mypy and pytest on answers right and wrong: what fails, what warns, what cannot be checked."""

from __future__ import annotations

import pytest

from cascade.types import Candidate, Report, Task
from cascade.validators.mypy import Mypy, MypyOptions
from cascade.validators.pytest import Pytest, PytestOptions
from cascade.validators.ruff import Ruff, RuffOptions
from cascade.validators.sandbox import Sandbox
from cascade.validators.suite import Suite
from cascade.validators.syntax import Syntax
from tests.validators.conftest import verdict

TESTS = {"test_solution.py": "from solution import double\n\n\ndef test_two():\n    assert double(2) == 4\n"}


async def report(validator: object, *, text: str, **task: object) -> Report:
    result = await verdict(validator, files={"solution.py": text}, **task)  # type: ignore[arg-type]
    assert len(result.reports) == 1, result
    return result.reports[0]


class TestSyntax:
    async def test_what_compiles_passes(self, sandbox: Sandbox) -> None:
        assert (await report(Syntax(sandbox), text="x = 1\n")).status == "passed"

    async def test_a_fault_is_located_with_its_line(self, sandbox: Sandbox) -> None:
        found = (await report(Syntax(sandbox), text="x = 1\ndef f(:\n    pass\n")).diagnostics[0]
        assert (found.path, found.line, found.source) == ("solution.py", 2, "def f(:")
        assert found.column is not None

    @pytest.mark.parametrize("text", ["(" * 5000, "\0", "x = 1" + "+1" * 30000, "\ud800", "return 1\n"])
    async def test_hostile_text_fails_and_breaks_nothing(self, sandbox: Sandbox, text: str) -> None:
        assert (await report(Syntax(sandbox), text=text)).status in {"failed", "passed", "unchecked"}
        assert (await report(Syntax(sandbox), text="x = 1\n")).status == "passed"

    async def test_without_python_there_is_nothing_to_check(self, sandbox: Sandbox) -> None:
        result = await verdict(Syntax(sandbox), Ruff(sandbox), Mypy(sandbox), files={"a.txt": "x"})
        assert result.status == "unchecked"
        assert set(result.skipped) == {"syntax", "ruff", "mypy"}


class TestRuff:
    async def test_an_undefined_name_is_an_error_and_an_unused_import_a_warning(
        self, sandbox: Sandbox
    ) -> None:
        result = await report(Ruff(sandbox), text="import os\nprint(missing)\n")
        assert [(found.code, found.severity, found.line) for found in result.diagnostics] == [
            ("F401", "warning", 1),
            ("F821", "error", 2),
        ]
        assert result.status == "failed"
        assert result.diagnostics[1].source == "print(missing)"

    async def test_style_alone_passes(self, sandbox: Sandbox) -> None:
        text = "import os\nl = lambda x: x\nif l == None: pass\n"
        assert (await report(Ruff(sandbox), text=text)).status == "passed"

    @pytest.mark.parametrize("name", ["ruff.toml", ".ruff.toml", "pyproject.toml"])
    async def test_the_answers_configuration_has_no_effect(self, sandbox: Sandbox, name: str) -> None:
        config = (
            "[tool.ruff.lint]\nignore = ['ALL']\n"
            if name == "pyproject.toml"
            else "[lint]\nignore = ['ALL']\n"
        )
        result = await verdict(Ruff(sandbox), files={"solution.py": "print(missing)\n", name: config})
        assert result.status == "failed"

    async def test_comments_do_not_silence_it_unless_they_may(self, sandbox: Sandbox) -> None:
        text = "# ruff: noqa\nprint(missing)  # noqa\n"
        assert (await report(Ruff(sandbox), text=text)).status == "failed"
        assert (await report(Ruff(sandbox, RuffOptions(noqa=True)), text=text)).status == "passed"

    async def test_weights_decide_what_fails(self, sandbox: Sandbox) -> None:
        options = RuffOptions(weights={"F401": "error", "F821": "ignore"})
        result = await report(Ruff(sandbox, options), text="import os\nprint(missing)\n")
        assert [(found.code, found.severity) for found in result.diagnostics] == [("F401", "error")]

    async def test_a_wrong_selector_is_unchecked_not_passed(self, sandbox: Sandbox) -> None:
        result = await report(Ruff(sandbox, RuffOptions(select=("NOPE",))), text="x = 1\n")
        assert result.status == "unchecked"
        assert "ruff broke" in (result.detail or "")

    async def test_a_file_named_like_an_option_is_a_file(self, sandbox: Sandbox) -> None:
        result = await verdict(Ruff(sandbox), files={"--fix.py": "print(missing)\n"})
        assert result.status == "failed"


class TestMypy:
    async def test_it_is_warm(self, sandbox: Sandbox) -> None:
        """The second answer is checked by the server that checked the first."""
        validator = Mypy(sandbox)
        for _ in range(2):
            await report(validator, text="x = 1\n")
        (servers,) = [
            idle for (kind, _), idle in sandbox._opened().pool._idle.items() if kind == validator._kind(None)
        ]
        assert len(servers) == 1
        assert sandbox._opened().pool._uses[servers[0]] >= 2

    async def test_what_cannot_run_fails_and_what_types_suspect_warns(self, sandbox: Sandbox) -> None:
        text = "def f(x: int) -> str:\n    return x\n\n\nf()\nprint(missing)\n"
        result = await report(Mypy(sandbox), text=text)
        assert {(found.code, found.severity, found.line) for found in result.diagnostics} == {
            ("return-value", "warning", 2),
            ("call-arg", "error", 5),
            ("name-defined", "error", 6),
        }
        assert min(found.column or 0 for found in result.diagnostics) == 1

    @pytest.mark.parametrize("name", ["mypy.ini", "pyproject.toml", "setup.cfg"])
    async def test_the_answers_configuration_and_plugins_have_no_effect(
        self, sandbox: Sandbox, name: str
    ) -> None:
        config = "[tool.mypy]\nplugins = ['evil']\nignore_errors = true\n"
        config = config if name == "pyproject.toml" else "[mypy]\nplugins = evil.py\nignore_errors = True\n"
        files = {"solution.py": "print(missing)\n", name: config, "evil.py": "import os\nos._exit(0)\n"}
        assert (await verdict(Mypy(sandbox), files=files)).status == "failed"

    async def test_a_comment_does_not_switch_it_off(self, sandbox: Sandbox) -> None:
        text = "# mypy: ignore-errors\nprint(missing)\n"
        assert [found.code for found in (await report(Mypy(sandbox), text=text)).diagnostics] == [
            "inline-config"
        ]
        task = Task(prompt="", files={"solution.py": text})
        own = await Suite([Mypy(sandbox)]).check(
            task, Candidate(text="", files={"solution.py": text + "x = 1\n"})
        )
        assert own.status == "passed"

    async def test_files_of_one_answer_see_each_other_and_not_those_of_another(
        self, sandbox: Sandbox
    ) -> None:
        use = "from other import f\n\nf(1, 2)\n"
        both = await verdict(Mypy(sandbox), files={"use.py": use, "other.py": "def f(a: int) -> None: ...\n"})
        assert [found.code for found in both.diagnostics] == ["call-arg"]
        right = await verdict(
            Mypy(sandbox), files={"use.py": use, "other.py": "def f(a: int, b: int) -> None: ...\n"}
        )
        assert right.status == "passed"
        alone = await verdict(Mypy(sandbox), files={"use.py": use})
        assert [found.code for found in alone.diagnostics] == ["import-not-found"]

    async def test_packages_are_followed(self, sandbox: Sandbox) -> None:
        files = {
            "pkg/__init__.py": "",
            "pkg/a.py": "def f(x: int) -> int: return x\n",
            "main.py": "from pkg.a import f\nf()\n",
        }
        result = await verdict(Mypy(sandbox), files=files)
        assert [(found.path, found.code) for found in result.diagnostics] == [("main.py", "call-arg")]

    async def test_flags_and_weights_are_options(self, sandbox: Sandbox) -> None:
        strict = MypyOptions(flags=("--strict",), weights={"*": "error"})
        assert (await report(Mypy(sandbox, strict), text="def f(x): return x\n")).status == "failed"
        assert (await report(Mypy(sandbox), text="def f(x): return x\n")).status == "passed"


class TestPytest:
    async def test_right_passes_and_says_how_many(self, sandbox: Sandbox) -> None:
        result = await report(Pytest(sandbox), text="def double(x): return 2 * x\n", tests=TESTS)
        assert (result.status, result.detail) == ("passed", "1 of 1 tests passed")

    async def test_a_failed_assertion_shows_values_and_not_the_tests(self, sandbox: Sandbox) -> None:
        tests = {
            "test_solution.py": "from solution import double\ndef test_two():\n    assert double(2) == 4, 'hush'\n"
        }
        result = await report(Pytest(sandbox), text="def double(x): return 5\n", tests=tests)
        found = result.diagnostics[0]
        assert found.message == "assert 5 == 4, where 5 = double(2)"
        assert (found.code, found.path, found.line, found.source) == (
            "test.assert",
            "test_solution.py",
            3,
            None,
        )
        shown = await report(Pytest(sandbox), text="def double(x): return 5\n", tests=tests, show_tests=True)
        assert "hush" in shown.diagnostics[0].message
        assert "assert double(2) == 4" in (shown.diagnostics[0].source or "")

    @pytest.mark.parametrize("apart", [False, True])
    async def test_an_error_in_the_answer_is_located_there_with_its_call(
        self, sandbox: Sandbox, apart: bool
    ) -> None:
        validator = Pytest(sandbox, PytestOptions(apart=apart))
        result = await report(validator, text="def double(x):\n    return x[0]\n", tests=TESTS)
        found = result.diagnostics[0]
        assert (found.path, found.line, found.source) == ("solution.py", 2, "    return x[0]")
        assert found.message == "TypeError: 'int' object is not subscriptable (in double(x=2))"

    async def test_an_endless_loop_is_located(self, sandbox: Sandbox) -> None:
        validator = Pytest(sandbox, PytestOptions(timeout_s=4.0))
        text = "import time\ndef double(x):\n    while True:\n        time.sleep(0.001)\n"
        result = await report(validator, text=text, tests=TESTS)
        assert result.status == "failed"
        found = result.diagnostics[0]
        assert found.code == "timeout"
        assert found.path == "solution.py"
        assert found.line in {3, 4}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("def other(): ...\n", "cannot import name 'double'"),
            ("import nowhere_at_all\n", "No module named 'nowhere_at_all'"),
            ("def double(x:\n", "SyntaxError"),
            ("1 / 0\n", "ZeroDivisionError"),
        ],
    )
    async def test_an_answer_that_cannot_be_imported_fails(
        self, sandbox: Sandbox, text: str, message: str
    ) -> None:
        result = await report(Pytest(sandbox), text=text, tests=TESTS, target="solution.py")
        assert result.status == "failed"
        assert any(message in found.message for found in result.diagnostics), result

    async def test_a_module_that_the_tests_need_and_is_missing_is_not_the_answers_fault(
        self, sandbox: Sandbox
    ) -> None:
        tests = {
            "test_solution.py": "import not_installed_here\nfrom solution import double\ndef test(): pass\n"
        }
        result = await report(Pytest(sandbox), text="def double(x): ...\n", tests=tests, target="solution.py")
        assert result.status == "unchecked"
        assert "not_installed_here" in (result.detail or "")

    async def test_no_tests_collected_is_unchecked(self, sandbox: Sandbox) -> None:
        result = await report(
            Pytest(sandbox), text="x = 1\n", tests={"test_solution.py": "import solution\n"}
        )
        assert (result.status, result.detail) == ("unchecked", "pytest collected no tests")

    async def test_tests_that_skip_themselves_are_unchecked(self, sandbox: Sandbox) -> None:
        tests = {"test_a.py": "import pytest\npytestmark = pytest.mark.skip\ndef test(): pass\n"}
        assert (await report(Pytest(sandbox), text="x = 1\n", tests=tests)).status == "unchecked"

    async def test_expected_failures_and_parameters_of_the_tests_count_as_they_should(
        self, sandbox: Sandbox
    ) -> None:
        tests = {
            "test_a.py": "import pytest\nfrom solution import double\n"
            "@pytest.mark.parametrize('x', [1, 2, 3])\ndef test_p(x): assert double(x) == 2 * x\n"
            "@pytest.mark.xfail\ndef test_x(): assert False\n"
            "class TestC:\n    def test_m(self, tmp_path, capsys): (tmp_path / 'a').write_text('x')\n"
        }
        result = await report(Pytest(sandbox), text="def double(x): return 2 * x\n", tests=tests)
        assert (result.status, result.detail) == ("passed", "4 of 5 tests passed")

    async def test_without_tests_it_claims_nothing(self, sandbox: Sandbox) -> None:
        result = await verdict(Pytest(sandbox), files={"solution.py": "x = 1\n"})
        assert result.status == "unchecked"
        assert result.skipped == {"pytest": "the task brings no tests"}

    async def test_the_tasks_own_conftest_and_configuration_hold(self, sandbox: Sandbox) -> None:
        tests = {
            "conftest.py": "import pytest\n@pytest.fixture\ndef four(): return 4\n",
            "test_a.py": "from solution import double\ndef test(four): assert double(2) == four\n",
            "pytest.ini": "[pytest]\naddopts = --strict-markers\n",
        }
        result = await report(Pytest(sandbox), text="def double(x): return 2 * x\n", tests=tests)
        assert result.status == "passed"


STATEFUL = {
    "patches json": "import json\njson.dumps = None\ndef double(x): return 2 * x\n",
    "patches builtins": "import builtins\nbuiltins.input = 3\ndef double(x): return 2 * x\n",
    "adds a module": "import sys, types\nsys.modules['planted'] = types\ndef double(x): return 2 * x\n",
    "leaves a thread": "import threading, time\n"
    "threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n"
    "def double(x): return 2 * x\n",
    "leaves files": "import os\nopen(os.environ['TMPDIR'] + '/left', 'w').write('x')\nopen('left', 'w').write('x')\n"
    "def double(x): return 2 * x\n",
    "sets the environment": "import os\nos.environ['PLANTED'] = '1'\ndef double(x): return 2 * x\n",
    "changes the directory": "import os\nos.chdir('/')\ndef double(x): return 2 * x\n",
}
CLEAN = """
import builtins, json, os, sys, threading
def double(x):
    assert json.dumps([1]) == "[1]"
    assert callable(builtins.input)
    assert "planted" not in sys.modules
    assert threading.active_count() == 1
    assert not os.path.exists("left") and not os.listdir(os.environ["TMPDIR"]) == ["left"]
    assert "PLANTED" not in os.environ
    assert os.path.exists("solution.py")
    assert "cascade" not in sys.modules
    return 2 * x
"""


@pytest.mark.parametrize("name", STATEFUL)
async def test_no_state_goes_from_one_candidate_to_the_next(sandbox: Sandbox, name: str) -> None:
    for text in (STATEFUL[name], CLEAN, STATEFUL[name], CLEAN):
        result = await report(Pytest(sandbox), text=text, tests=TESTS)
        assert result.status == "passed", result
