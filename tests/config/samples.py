"""Configs that use every section, for the tests that change them at random."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Place: TypeAlias = tuple[str | int, ...]
Step: TypeAlias = Callable[[random.Random, Any, Any], None]

ENV = {"KEY": "sk-1", "URL": "https://api.example.com", "LIMIT": "2.50"}

FULL: dict[str, Any] = {
    "version": 1,
    "tiers": {
        "flash": {
            "model": "deepseek-flash",
            "base_url": "${URL}",
            "api_key": "${KEY}",
            "thinking": "disabled",
            "temperature": 0.2,
            "max_output_tokens": 8192,
            "context_tokens": 100000,
            "timeout_s": 30,
            "retries": 2,
            "price": {"input": 0.15, "cached_input": 0.003, "output": "0.60"},
            "limits": {"concurrency": 8, "requests_per_minute": 60.5},
            "headers": {"X-Team": "a"},
            "extra_body": {"seed": 1, "stop": None},
            "fallbacks": [{"model": "m", "base_url": "http://localhost:8000/v1", "price": "unknown"}],
            "history": {"retry": "full", "escalation": "last"},
        },
        "pro": {"model": "p", "base_url": "https://h.example.com", "price": "auto", "history": "none"},
        "old-1": {"model": "r", "provider": "recorded", "recording": "r.jsonl"},
    },
    "classifier": {"use": "linear"},
    "validators": ["syntax", {"use": "ruff", "name": "lint", "select": ["E9"], "timeout_s": 5}, "mine:Check"],
    "judge": {"artifact": ["judge.json"], "accept": 0.7, "when": "always"},
    "policy": {
        "use": "expected_value",
        "value_usd": "${LIMIT}",
        "max_attempts": 4,
        "explore": 0.1,
        "verifier": {"accepts_right": 0.95, "rejects_wrong": 0.9},
    },
    "budget": {"per_task_usd": 0.10, "total_usd": 5, "per_day_usd": "7.5", "file": "shared.json"},
    "shadow": {"rate": 0.05, "tiers": ["pro", "old-1"], "budget_usd": "1.5"},
    "project": {
        "python": ".venv/bin/python",
        "context": ["src/**/*.py", "!src/**/_vendor"],
        "context_tokens": 90000,
        "baseline": False,
        "answer_tests": "fail",
    },
    "sandbox": {"use": "auto", "wall_s": 20.0, "memory_mb": 512},
    "trace": {"path": "traces/", "content": "hash", "sinks": ["mine:Sink", {"use": "opentelemetry", "x": 1}]},
    "show_tests": False,
    "system_prompt": "Be brief.",
}
SHORT: dict[str, Any] = {
    "version": 1,
    "tiers": {"a": {"model": "m", "base_url": "${URL}"}, "b": {"model": "n", "base_url": "${URL}"}},
    "classifier": "rules",
    "validators": [
        {"use": "command", "name": "mine", "run": ["tool", "{files}"], "parse": {"regex": "(?P<message>.*)"}},
        {"use": "eslint", "timeout_s": 5},
        {"use": "tool_calls", "tools": {"find": {"type": "object"}}, "required": ["find"], "at_most": 3},
        {"use": "json_schema", "schema": {"type": "object"}},
        {"use": "mypy", "flags": [], "weights": {"no-*": "ignore"}},
    ],
    "policy": {"use": "threshold", "start": 0.5, "attempts": {"a": 2, "b": 1}, "default_attempts": 1},
}
FIXED: dict[str, Any] = {
    **SHORT,
    "policy": {"use": "fixed", "order": ["a", "a", "b"], "on_unchecked": "accept"},
}
GRAPHED: dict[str, Any] = {
    **SHORT,
    "validators": ["ruff", {"use": "pytest", "name": "tests"}],
    "graph": {
        "start": "kind",
        "nodes": {
            "kind": {"kind": "switch", "metadata": "language", "cases": ["python", "sql"]},
            "route": {"kind": "classify", "note": "first"},
            "write": {"kind": "generate"},
            "strong": {"kind": "generate", "tier": "b", "max_visits": 2, "max_usd": 0.5, "price": "auto"},
            "read": {"kind": "extract"},
            "lint": {"kind": "validate", "validators": ["ruff"]},
            "next": {"kind": "decide", "policy": {"use": "fixed", "order": ["a", "b"]}},
            "person": {"kind": "human", "ask": "Is it good?"},
            "race": {"kind": "parallel", "tiers": ["a", "b"]},
            "mine": {"kind": "call", "function": "my.module:look", "uses": ["candidate"], "timeout_s": 3},
        },
        "edges": {
            "kind": {"python": "route", "sql": "race", "*": "strong"},
            "route": {"routed": "write", "stop": "END"},
            "write": {"answered": "read", "failed": "next", "exhausted": "END"},
            "strong": {"answered": "person", "failed": "strong", "exhausted": "STOP", "limit": "STOP"},
            "read": {"extracted": "lint", "nothing": "next"},
            "lint": "next",
            "next": {"accept": "END", "retry": "write", "escalate": "write", "stop": "END"},
            "person": {"approve": "ACCEPT", "reject": "strong"},
            "race": {"passed": "mine", "*": "STOP"},
            "mine": "ACCEPT",
        },
    },
}
SAMPLES = [FULL, SHORT, FIXED, GRAPHED]

ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 0.5, 4.0, 1e300, 10**30, "", " ", "text", "no", "1", "0.5", "flash", "auto",
    "${KEY}", "https://x", [], {}, [1], ["a"], {"a": 1}, {"use": "ruff"}, {"use": "x"}, {"use": "m:C"}, [[]], [None],
]  # fmt: skip


def places(data: Any, at: Place = ()) -> Iterator[Place]:
    """Every key and index of the data, the root left out."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*at, key)
        yield from places(value, (*at, key))


def mutated(seed: int) -> dict[str, Any]:
    """A sample with one to three things changed, by the seed."""
    chance = random.Random(seed)
    data = copy.deepcopy(chance.choice(SAMPLES))
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        found = list(places(data))
        if not found:
            break
        place = chance.choice(found)
        holder: Any = data
        for part in place[:-1]:
            holder = holder[part]
        chance.choice(STEPS)(chance, holder, place[-1])
    return data


def _drop(_: random.Random, holder: Any, key: Any) -> None:
    del holder[key]


def _replace(chance: random.Random, holder: Any, key: Any) -> None:
    holder[key] = copy.deepcopy(chance.choice(ODD))


def _rename(chance: random.Random, holder: Any, key: Any) -> None:
    if isinstance(holder, dict) and len(key) > 1:
        cut = chance.randrange(len(key))
        holder[chance.choice([key[:cut] + key[cut + 1 :], key + "s", key.upper(), "", "1" + key])] = (
            holder.pop(key)
        )


def _wrap(chance: random.Random, holder: Any, key: Any) -> None:
    holder[key] = chance.choice([[holder[key]], {"use": holder[key]}, {"x": holder[key]}])


def _add(chance: random.Random, holder: Any, _: Any) -> None:
    if isinstance(holder, dict):
        known = [
            "use",
            "model",
            "price",
            "name",
            "history",
            "output",
            "explore",
            "order",
            "start",
            "nonsense",
        ]
        holder[chance.choice(known)] = copy.deepcopy(chance.choice(ODD))
    else:
        holder.append(copy.deepcopy(chance.choice(ODD)))


def _spoil(chance: random.Random, holder: Any, key: Any) -> None:
    value = holder[key]
    if isinstance(value, str):
        cut = chance.randrange(len(value) + 1)
        holder[key] = chance.choice([value[:cut], value + "x", value.upper(), f"{value}:y", f" {value}"])
    elif isinstance(value, bool | int | float):
        holder[key] = chance.choice([-value, value * 1000, str(value), value / 3, not value])


STEPS: list[Step] = [_drop, _replace, _replace, _rename, _wrap, _add, _spoil]
