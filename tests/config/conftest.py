"""Small configs that the tests of this room change in one place each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from cascade.config import Config, Plugins, load
from cascade.errors import ConfigError

Write: TypeAlias = Callable[..., Path]
Problems: TypeAlias = Callable[..., list[str]]

MINIMAL = """\
version: 1
tiers:
  flash:
    model: deepseek-flash
    base_url: https://api.example.com
  pro:
    model: deepseek-v4-pro
    base_url: https://api.example.com
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a config into a folder of its own and return its path."""

    def make(text: str | bytes, name: str = "cascade.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return make


@pytest.fixture
def problems(write: Write) -> Problems:
    """The located problems of a text, without the folder; [] if it loads."""

    def find(
        text: str | bytes, name: str = "cascade.yaml", env: Mapping[str, str] | None = None
    ) -> list[str]:
        path = write(text, name)
        found: tuple[str, ...] = ()
        try:
            loaded(path, env=env)
        except ConfigError as error:
            found = error.problems or (f"without a place: {error}",)
        return [line.replace(f"{path.parent}/", "") for line in found]

    return find


def loaded(path: Path, *, env: Mapping[str, str] | None = None, **more: Any) -> Config:
    """Load with an environment and plug-ins of the test's own."""
    return load(path, env=env or {}, plugins=Plugins(), **more)
