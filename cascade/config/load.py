"""From a file to a `Config`: read, find positions, fill in variables, validate, tell every mistake."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cascade.config.base import Surroundings
from cascade.config.crosschecks import cross_check, empty_keys, missing_files
from cascade.config.document import Document, Place, Problem
from cascade.config.environment import Variables
from cascade.config.explain import explain
from cascade.config.graph_check import check_graph
from cascade.config.plugins import Plugins
from cascade.config.schema import Config
from cascade.config.subconfigs import subconfig_problems
from cascade.config.toml_source import parse_toml
from cascade.config.validator_options import option_problems
from cascade.config.yaml_source import parse_yaml
from cascade.errors import ConfigError, InputError
from cascade.storage import read_text

MAX_BYTES = 2_000_000


def load(
    path: str | Path,
    *,
    env: Mapping[str, str] | None = None,
    need_env: bool = True,
    plugins: Plugins | None = None,
) -> Config:
    """Read a YAML (`.yaml`, `.yml`) or TOML (`.toml`) file.

    env: where `${VAR}` is looked up; None means `os.environ`. need_env: False leaves `${VAR}` as it is
    where the variable is missing and does not look for the files that a run needs, for work that calls no
    model. plugins: names installed beside the built-in ones; None means that unknown names pass here.
    Raises `ConfigError` with every mistake, each with file, line and column.
    """
    environment = os.environ if env is None else env
    return _Loader(env=environment, need_env=need_env, plugins=plugins).load(Path(path), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loader:
    """Loads a file and those that its graph names, with the same settings."""

    env: Mapping[str, str]
    need_env: bool
    plugins: Plugins | None

    def load(self, path: Path, above: tuple[Path, ...]) -> Config:
        """One file. above: the files whose graphs lead here."""
        problems: list[Problem] = []
        document = read_document(path, problems)
        if problems:
            raise located(document, problems)
        problems += empty_keys(document.data)
        variables = Variables(self.env, need=self.need_env, problems=problems)
        data = variables.fill(document.data)
        folder = path.parent.resolve()
        config = _validated(data, Surroundings(folder, self.plugins), variables, problems)
        outside = list(subconfig_problems(data, folder, (*above, path.resolve()), self.load))
        if self.need_env:
            outside += missing_files(data, folder)
        problems += [variables.veiled(one) for one in outside]
        if config is None or problems:
            raise located(document, problems)
        return config.placed(folder, variables.raw)


def from_mapping(
    data: Mapping[str, Any], *, folder: str | Path = ".", plugins: Plugins | None = None
) -> Config:
    """A config built in Python. Relative paths are resolved against `folder`. Raises `ConfigError`.

    `${VAR}` is not filled in: Python has `os.environ`.
    """
    problems: list[Problem] = []
    plain = dict(data)
    surroundings = Surroundings(Path(folder).resolve(), plugins)
    variables = Variables({}, need=False, problems=problems)
    config = _validated(plain, surroundings, variables, problems)
    if config is None or problems:
        lines = tuple(one.unplaced() for one in problems)
        raise ConfigError(_message("the config", lines), problems=lines)
    return config.placed(surroundings.folder, {})


def default_config(folder: str | Path = ".", *, need_key: bool = False) -> Config:
    """DeepSeek's pair, flash then pro (design 5.4). The key is DEEPSEEK_API_KEY's, if it is set.

    need_key: raise ConfigError if it is not, for work that calls the models.
    """
    endpoint = {"base_url": "https://api.deepseek.com", "context_tokens": 1_000_000}
    key = os.environ.get("DEEPSEEK_API_KEY")
    if need_key and not key:
        raise ConfigError(
            "no config is given, and the default one (DeepSeek's Flash and Pro) needs the environment variable "
            "DEEPSEEK_API_KEY, which is not set",
            hint="export DEEPSEEK_API_KEY=..., or write a config (`cascade init`) and name it; "
            "`cascade demo` needs no key",
        )
    if key:
        endpoint["api_key"] = key
    data = {
        "version": 1,
        "tiers": {
            "flash": {"model": "deepseek-flash", "thinking": "disabled", **endpoint},
            "pro": {"model": "deepseek-v4-pro", **endpoint},
        },
        "policy": {"use": "threshold"},
        "budget": {"per_task_usd": "0.10", "total_usd": "5.00"},
        "trace": {"path": "traces"},
    }
    return from_mapping(data, folder=folder)


def read_document(path: str | Path, problems: list[Problem]) -> Document:
    """The parsed file. Raises `ConfigError` if it cannot be read at all; mistakes go to `problems`."""
    name = str(path)
    suffix = Path(path).suffix.lower()
    if suffix not in {".yaml", ".yml", ".toml"}:
        raise ConfigError(f"{name}: the ending {suffix or '(none)'} is not known", hint="use .yaml or .toml")
    try:
        text = read_text(path, what="config")
    except InputError as error:
        raise ConfigError(error.message, hint=error.hint, problems=(error.message,)) from error
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{name}: is larger than {MAX_BYTES // 1_000_000} MB", hint="this is not a config")
    document = (parse_toml if suffix == ".toml" else parse_yaml)(text, name, problems)
    if not problems and (document.data is None or document.data == {}):
        problems.append(Problem((), "the file is empty", "`cascade init` writes a first one", mark=(1, 1)))
    elif not problems and not isinstance(document.data, dict):
        problems.append(Problem((), "must be a mapping of keys", "start with `version: 1`", mark=(1, 1)))
    return document


def located(document: Document, problems: Sequence[Problem]) -> ConfigError:
    """All mistakes as one error."""
    lines = document.lines(problems)
    return ConfigError(_message(document.name, lines), problems=lines)


def _validated(
    data: Any, surroundings: Surroundings, variables: Variables, problems: list[Problem]
) -> Config | None:
    config = None
    found: list[Problem] = []
    try:
        config = Config.model_validate(data, context=surroundings)
    except ValidationError as error:
        found = explain(error, Config, data, variables.raw)
    # One mistake, one line: what was told of a place already, or hangs on a missing variable, is left out.
    told: set[Place] = {*variables.missing, *(one.place for one in problems)}
    options = option_problems(data.get("validators") if isinstance(data, dict) else None, variables.raw)
    graph = check_graph(data, surroundings) if isinstance(data, dict) and "graph" in data else []
    for one in [*cross_check(data, surroundings.plugins), *found, *options, *graph]:
        if one.place not in told:
            problems.append(variables.veiled(one))
            told.add(one.place)
    return config


def _message(name: str, lines: Sequence[str]) -> str:
    if len(lines) == 1:
        return lines[0]
    return f"{name} has {len(lines)} mistakes:\n" + "\n".join(f"  {line}" for line in lines)
