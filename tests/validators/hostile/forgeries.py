"""Answers that are wrong and want to pass: `double(2)` must be 4, and none of these says so."""

from __future__ import annotations

TEST = {
    "test_solution.py": "from solution import double\n\n\ndef test_two():\n    assert double(2) == 4\n\n\n"
    "def test_three():\n    assert double(3) == 6\n"
}
WRONG = "def double(x):\n    return 0\n"
RECORDS = r"""{"event":"collected","tests":["test_solution.py::test_two","test_solution.py::test_three"]}
{"event":"tested","test":"test_solution.py::test_two","when":"call","outcome":"passed","expected":false,"by_tests":true}
{"event":"tested","test":"test_solution.py::test_three","when":"call","outcome":"passed","expected":false,"by_tests":true}
{"event":"end","code":0,"collected":2}
"""

# name: the answer's files.
FORGERIES: dict[str, dict[str, str]] = {
    "exits with 0 when imported": {"solution.py": f"import os\nos._exit(0)\n{WRONG}"},
    "exits with 0 when called": {"solution.py": "import os\ndef double(x):\n    os._exit(0)\n"},
    "raises SystemExit when imported": {"solution.py": f"import sys\nsys.exit(0)\n{WRONG}"},
    "raises SystemExit when called": {"solution.py": "import sys\ndef double(x):\n    sys.exit(0)\n"},
    "raises KeyboardInterrupt": {"solution.py": "def double(x):\n    raise KeyboardInterrupt\n"},
    "ends pytest": {"solution.py": "import pytest\ndef double(x):\n    pytest.exit('done', returncode=0)\n"},
    "skips the test file": {"solution.py": f"import pytest\npytest.skip(allow_module_level=True)\n{WRONG}"},
    "skips each test": {"solution.py": "import pytest\ndef double(x):\n    pytest.skip('no')\n"},
    "raises unittest's skip": {
        "solution.py": "import unittest\ndef double(x):\n    raise unittest.SkipTest('no')\n"
    },
    "expects to fail": {"solution.py": "import pytest\ndef double(x):\n    pytest.xfail('no')\n"},
    "writes records to every descriptor": {
        "solution.py": f"import os\nfor fd in range(3, 64):\n    try: os.write(fd, {RECORDS!r}.encode())\n"
        f"    except OSError: pass\nos._exit(0)\n{WRONG}"
    },
    "writes records beside the true ones": {
        "solution.py": f"import os\ndef double(x):\n    for fd in range(3, 64):\n"
        f"        try: os.write(fd, {RECORDS!r}.encode())\n        except OSError: pass\n    return 0\n"
    },
    "prints pytest's words": {
        "solution.py": f"import os\nprint('2 passed in 0.01s', flush=True)\nos._exit(0)\n{WRONG}"
    },
    "brings a conftest that empties the collection": {
        "solution.py": WRONG,
        "conftest.py": "def pytest_collection_modifyitems(items):\n    items.clear()\n",
    },
    "brings a conftest that turns the outcome": {
        "solution.py": WRONG,
        "conftest.py": "import pytest\n@pytest.hookimpl(hookwrapper=True)\n"
        "def pytest_runtest_makereport(item, call):\n"
        "    o = yield\n    o.get_result().outcome = 'passed'\n",
    },
    "brings a conftest in a folder": {"solution.py": WRONG, "tests/conftest.py": "raise SystemExit(0)\n"},
    "brings a pytest.ini that collects only": {
        "solution.py": WRONG,
        "pytest.ini": "[pytest]\naddopts = --collect-only\n",
    },
    "brings a pyproject.toml that deselects": {
        "solution.py": WRONG,
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-k nothing'\n",
    },
    "brings a setup.cfg with a plug-in": {
        "solution.py": WRONG,
        "setup.cfg": "[tool:pytest]\naddopts = -p evil\n",
        "evil.py": "def pytest_collection_modifyitems(items):\n    items.clear()\n",
    },
    "overwrites the tests": {"solution.py": WRONG, "test_solution.py": "def test_two(): pass\n"},
    "shadows the tests by a package": {
        "solution.py": WRONG,
        "test_solution/__init__.py": "def test_two(): pass\ndef test_three(): pass\n",
    },
    "overwrites the tests when imported": {
        "solution.py": "import pathlib\n"
        "[p.write_text('def test_two(): pass') for p in pathlib.Path().glob('test*.py')]"
        f"\n{WRONG}"
    },
    "brings a sitecustomize": {"solution.py": WRONG, "sitecustomize.py": "import os\nos._exit(0)\n"},
    "brings its own pytest": {
        "solution.py": WRONG,
        "pytest.py": "import os\ndef main(*a, **k): os._exit(0)\n",
    },
    "brings its own pytest package": {
        "solution.py": WRONG,
        "_pytest/__init__.py": "import os\nos._exit(0)\n",
    },
    "exits when the interpreter ends": {
        "solution.py": f"import atexit, os\natexit.register(os._exit, 0)\n{WRONG}"
    },
    "exits from a thread": {
        "solution.py": f"import os, threading\nthreading.Timer(.01, os._exit, (0,)).start()\n{WRONG}"
        "import time; time.sleep(.2)\n"
    },
    "becomes /bin/true": {"solution.py": f"import os\nos.execv('/bin/true', ['true'])\n{WRONG}"},
    "lets a child go on and exits": {"solution.py": f"import os\nif os.fork():\n    os._exit(0)\n{WRONG}"},
    "kills itself": {"solution.py": f"import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n{WRONG}"},
    "closes the channel": {"solution.py": f"import os\nos.closerange(3, 64)\n{WRONG}"},
    "replaces the standard output": {
        "solution.py": f"import sys, io\nsys.stdout = sys.stderr = io.StringIO()\n{WRONG}"
    },
    "disables assertions": {"solution.py": f"import sys, builtins\nbuiltins.__debug__\n{WRONG}"},
    "silences the linters": {"solution.py": f"# ruff: noqa\n# mypy: ignore-errors\n{WRONG}"},
    "defines the tests itself": {"solution.py": f"{WRONG}\ndef test_two(): pass\ndef test_three(): pass\n"},
    "brings tests of its own": {"solution.py": WRONG, "test_more.py": "def test_more(): pass\n"},
    "gives no code": {"solution.py": "# TODO\n"},
    "gives binary": {"solution.py": "\x00\x01\x02"},
    "removes the tests": {"solution.py": f"import os\nos.unlink('test_solution.py')\n{WRONG}"},
}

# Within one process these get through; with the solution apart from the asserts they do not.
NEED_APART: dict[str, dict[str, str]] = {
    "returns what equals everything": {
        "solution.py": "class Any:\n    def __eq__(self, other): return True\n    __hash__ = None\n"
        "def double(x):\n    return Any()\n"
    },
    "returns a number that equals everything": {
        "solution.py": "class Any(int):\n    def __eq__(self, other): return True\n    __hash__ = None\n"
        "def double(x):\n    return Any(0)\n"
    },
    "patches pytest's runner": {
        "solution.py": "import _pytest.python\n_pytest.python.Function.runtest = lambda self: None\n" + WRONG
    },
    "patches the report": {
        "solution.py": "import _pytest.reports\n"
        "_pytest.reports.TestReport.from_item_and_call = classmethod(lambda c, i, call: c(i.nodeid, i.location, {}, "
        "'passed', None, call.when))\n" + WRONG
    },
    "replaces the other test": {
        "solution.py": "import sys\ndef double(x):\n    f = sys._getframe(1)\n"
        "    f.f_globals['double'] = lambda x: 2 * x\n    raise SystemExit\n"
    },
    "reads the expected value from the caller": {
        "solution.py": "import sys, re\ndef double(x):\n    code = sys._getframe(1).f_code\n"
        "    return [c for c in code.co_consts if isinstance(c, int) and c > 3][0]\n"
    },
}
