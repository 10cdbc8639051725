"""From a file to a `Config`: read, find positions, fill in variables, validate, tell every mistake."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cascade.config.base import Plugins
from cascade.config.schema import Config


def load(
    path: str | Path,
    *,
    env: Mapping[str, str] | None = None,
    need_env: bool = True,
    plugins: Plugins | None = None,
) -> Config:
    """Read a YAML (`.yaml`, `.yml`) or TOML (`.toml`) file.

    env: where `${VAR}` is looked up; None means `os.environ`. need_env: False leaves `${VAR}` as it is
    where the variable is missing, for work that calls no model. plugins: names installed beside the
    built-in ones; None means that unknown names pass here.
    Raises `ConfigError` with every mistake, each with file, line and column.
    """
    raise NotImplementedError


def from_mapping(
    data: Mapping[str, Any], *, folder: str | Path = ".", plugins: Plugins | None = None
) -> Config:
    """A config built in Python. Relative paths are resolved against `folder`. Raises `ConfigError`."""
    raise NotImplementedError


def default_config() -> Config:
    """DeepSeek's pair, flash then pro (design 5.4); the key is read from DEEPSEEK_API_KEY when a model is called."""
    raise NotImplementedError
