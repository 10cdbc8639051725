"""The simple config as the explicit graph that it stands for, and a config as YAML."""

from __future__ import annotations

import re
from typing import Any

import yaml

from cascade.config.schema import Config
from cascade.config.yaml_source import CORE_RESOLVERS

MODELINE = "# yaml-language-server: $schema=cascade.schema.json"


def expand(config: Config) -> Config:
    """The same config with its graph written out. One that declares a graph is returned as it is."""
    return config.expanded()


def to_yaml(config: Config) -> str:
    """The config as a file that loads to the same: what its author wrote, and the graph if there is one.

    Paths are relative to the folder that the config was loaded from. A key that stood in the file itself, and
    not in a variable, is left out; a comment says so.
    """
    lines = [MODELINE]
    for name, tier in config.tiers.items():
        written = config.written_dump()["tiers"][name]
        if tier.api_key is not None and "api_key" not in written:
            lines.append(
                f"# tiers.{name}.api_key was no variable and is left out: write api_key: ${{VARIABLE}}"
            )
    text = yaml.dump(
        config.written_dump(),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=None,
    )
    return "\n".join([*lines, text])


class _Dumper(yaml.SafeDumper):
    """Quotes what either YAML 1.1 or 1.2 would not read as text; writes no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """None is ever written."""
        del data
        return True


for _first, _resolvers in CORE_RESOLVERS.items():
    for _tag, _pattern in _resolvers:
        _Dumper.add_implicit_resolver(_tag, re.compile(_pattern.pattern), [_first])
