"""What a text imports, for warming up: installed modules only, as plain statements."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.validators.imports import import_statements
from cascade.validators.mypy import Mypy
from cascade.validators.sandbox import Sandbox
from tests.validators.conftest import verdict


def test_statements_are_plain_and_own_modules_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "own.py").touch()
    text = "import json as j, own, nowhere\n  from json import loads as l, dumps\nfrom pytest import (\n  mark)\n"
    assert import_statements(text, tmp_path) == {
        "import json",
        "from json import dumps, loads",
        "import pytest",
    }


@given(st.text(alphabet=st.sampled_from("import from as json\n,.;()'\"_x ")))
def test_nothing_but_import_statements_comes_out(text: str) -> None:
    for statement in import_statements(text, Path("/nowhere")):
        tree = compile(statement, "x", "exec")
        assert tree is not None
        assert statement.split()[0] in {"import", "from"}


@pytest.mark.parametrize("module", ["asyncio", "unittest.mock", "xml.etree.ElementTree"])
async def test_modules_beyond_the_common_are_checked_too(sandbox: Sandbox, module: str) -> None:
    files = {"a.py": f"import {module}\n\n{module}.nothing_like_this()\nprint(missing)\n"}
    result = await verdict(Mypy(sandbox), files=files)
    codes = [(found.code, found.severity) for found in result.diagnostics]
    assert codes == [("attr-defined", "warning"), ("name-defined", "error")], result
