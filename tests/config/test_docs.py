"""docs/config.md tells every key with its default, and every example in it is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from cascade.config import Plugins, json_schema, load, to_yaml
from cascade.config.graph import NODE_KINDS
from tests.config.conftest import MINIMAL

TEXT = (Path(__file__).parents[2] / "docs" / "config.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
ENV = {"DEEPSEEK_API_KEY": "k"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_right(example: str, tmp_path: Path) -> None:
    """Sections are tried in place of those of a small config."""
    whole = {**yaml.safe_load(MINIMAL), **yaml.safe_load(example)}
    (tmp_path / "flash.jsonl.gz").touch()
    (tmp_path / "classifier.json").touch()
    (tmp_path / "judge.json").touch()
    path = tmp_path / "cascade.yaml"
    path.write_text(example if "version:" in example else yaml.safe_dump(whole, sort_keys=False))
    config = load(path, env=ENV, plugins=Plugins())
    assert to_yaml(config)


def test_every_key_has_a_row_with_its_default() -> None:
    schema = json_schema(Plugins())
    sections = {"top level": schema, **schema["$defs"]}
    rows = set(re.findall(r"^\| `(\w+)` \| .*? \| (.*?) \| ", TEXT, re.MULTILINE))
    for section, told in sections.items():
        for key, value in told.get("properties", {}).items():
            if key in {"use", "kind"} or section in {"JsonPath", "Regex", "Sarif"}:
                continue
            default = value.get("default")
            shown = "–" if default is None or isinstance(default, dict | list) else f"`{default!s}`"
            shown = shown.lower() if isinstance(default, bool) else shown
            shown = "required" if key in told.get("required", []) else shown
            assert (key, shown) in rows, f"{section}.{key}"


def test_every_kind_of_node_has_a_row_with_its_outcomes() -> None:
    for kind, node in NODE_KINDS.items():
        (row,) = re.findall(rf"^\| `{kind}` \| (.*?) \|", TEXT, re.MULTILINE)
        if node.ends:
            assert row == ", ".join(node.ends)
