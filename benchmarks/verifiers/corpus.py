"""Right answers from a recording, and weaker tests from the examples in their tasks."""

from __future__ import annotations

import ast
import doctest
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"```(?:python)?\n(.*?)(?:```|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Right:
    """A recorded answer that passes its task's full tests, with those tests and the docstring's."""

    task_id: str
    entry_point: str
    text: str
    full: dict[str, str]
    examples: dict[str, str]


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a gzipped JSON-lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def right_answers(directory: Path, *, per_task: int = 1) -> list[Right]:
    """Up to `per_task` different right answers to each task, in the tasks' order."""
    tasks = {task["id"]: task for task in lines(directory / "tasks.jsonl.gz")}
    found: dict[str, list[str]] = {name: [] for name in tasks}
    for path in sorted(directory.glob("*.jsonl.gz")):
        if path.name == "tasks.jsonl.gz":
            continue
        for record in lines(path):
            block = BLOCK.search(record["completion"])
            texts = found[record["task_id"]]
            if record["passed"] and block and block[1] not in texts and len(texts) < per_task:
                texts.append(block[1])
    return [
        Right(
            task_id=name,
            entry_point=task["metadata"]["entry_point"],
            text=text,
            full=task["tests"],
            examples=tests_from_examples(task["prompt"], task["metadata"]["entry_point"]),
        )
        for name, task in tasks.items()
        for text in found[name]
    ]


def tests_from_examples(prompt: str, entry_point: str) -> dict[str, str]:
    """A test file from the `>>>` examples of the prompt whose result is a literal; empty if there is none."""
    asserts: list[str] = []
    try:
        examples = doctest.DocTestParser().get_examples(prompt.replace('"""', "\n"))
    except ValueError:
        return {}
    for example in examples:
        try:
            ast.parse(example.source.strip(), mode="eval")
            ast.literal_eval(example.want.strip())
        except (SyntaxError, ValueError):
            continue
        asserts.append(f"    assert {example.source.strip()} == {example.want.strip()}")
    if not asserts:
        return {}
    head = f"from solution import {entry_point}\n\n\ndef test_examples():\n"
    return {"test_solution.py": head + "\n".join(asserts) + "\n"}
