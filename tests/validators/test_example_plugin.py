"""The example of a third party's validator works as its docstring says."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from cascade.validators import catalog
from cascade.validators.sandbox import Sandbox
from tests.validators.conftest import verdict

FOLDER = Path(__file__).parents[2] / "examples" / "plugins"


async def test_it_is_built_from_the_config_and_locates_what_it_finds(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    build = importlib.import_module("line_length_validator").build
    (validator,) = catalog.build(
        [{"use": "line_length", "limit": 10}], sandbox=sandbox, extra={"line_length": build}
    )
    result = await verdict(validator, files={"a.py": "x = 1\ny = 1234567890\n"})
    assert result.status == "failed"
    found = result.diagnostics[0]
    assert (found.path, found.line, found.column) == ("a.py", 2, 11)
    assert (await verdict(validator, files={"a.py": "x = 1\n"})).status == "passed"
