"""`cascade init`: start a project."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cascade.config import json_schema
from cascade.storage import write_atomic

CONFIG = """\
# yaml-language-server: $schema=cascade.schema.json
# Every key: docs/config.md, or `cascade schema`. Check this file with `cascade check cascade.yaml`.
version: 1
tiers:                                # cheapest first; two or more
  flash:
    model: deepseek-flash
    base_url: https://api.deepseek.com
    api_key: ${DEEPSEEK_API_KEY}
    thinking: disabled
  pro:
    model: deepseek-v4-pro
    base_url: https://api.deepseek.com
    api_key: ${DEEPSEEK_API_KEY}
validators: [syntax, ruff, mypy, pytest]
policy:                               # start where P(pass) is at least `start`; climb after the attempts
  use: threshold
  start: 0.5
  attempts: {flash: 2, pro: 2}
budget: {per_task_usd: 0.10, total_usd: 5.00}
trace: {path: traces/, content: full}
"""
TEST = '''\
"""The check that the answer to the task in tasks.jsonl must pass."""

from solution import slugify


def test_words_are_joined_by_hyphens() -> None:
    assert slugify("Hello, wide World!") == "hello-wide-world"


def test_nothing_hangs_over_the_ends() -> None:
    assert slugify("  --a  ") == "a"
    assert slugify("") == ""
'''
TASK = {
    "id": "slugify",
    "prompt": "Write a Python function `slugify(text: str) -> str`: lower case, every run of characters that are "
    "not ASCII letters or digits becomes one hyphen, no hyphen at either end.",
    "target": "solution.py",
    "tests": {"test_solution.py": TEST},
}


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
def init(folder: Path) -> None:
    """Start a project in FOLDER: a config, its schema for editors, a task, and the task's test.

    Nothing that exists is overwritten.
    """
    files = {
        "cascade.yaml": CONFIG,
        "cascade.schema.json": json.dumps(json_schema(), indent=2) + "\n",
        "tasks.jsonl": json.dumps(TASK) + "\n",
        "test_solution.py": TEST,
    }
    for name, text in files.items():
        path = folder / name
        # A dangling link is something that exists, too.
        if path.exists() or path.is_symlink():
            click.echo(f"kept   {path} (it was there)")
            continue
        write_atomic(path, text)
        click.echo(f"wrote  {path}")
    config, tasks = folder / "cascade.yaml", folder / "tasks.jsonl"
    click.echo("\nNext:")
    click.echo("  export DEEPSEEK_API_KEY=...")
    click.echo(f"  cascade check {config}")
    click.echo(f"  cascade run {tasks} -c {config} -o {folder / 'results.jsonl'}")
