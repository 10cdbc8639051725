"""The examples' endpoint: a scripted server that answers like a cheap model that errs, and a strong one."""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from cascade.models.scripted import Reply
from cascade.testing import Logged, ScriptedServer
from cascade.types import ToolCall

EXAMPLES = Path(__file__).parents[2] / "examples"
SLUG = '''```python slug.py
"""Slugs."""

import re


def slugify(text: str) -> str:
    """Words joined by hyphens."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))
```'''
WRONG_SLUG = SLUG.replace('"-".join', '"_".join')
DOUBLE = '''```python double.py
def double(x: float) -> float:
    """Twice as much."""
    return 2 * x
```'''
BARE_DOUBLE = "```python double.py\ndef double(x):\n    return 2 * x\n```"


def answer(call: Logged) -> Reply:
    """What the scripted models say."""
    said = str(call.messages)
    if call.document.get("tools"):
        return _with_tools(call)
    if "Say hello" in said:
        return Reply(text="Hello to you.")
    if "slugify" in said:
        strong = call.document["model"] == "deepseek-v4-pro"
        return Reply(text=SLUG if strong or "failed its checks" in said else WRONG_SLUG)
    if "fail" in said or call.document["model"] == "deepseek-v4-pro":
        return Reply(text=DOUBLE)
    return Reply(text=BARE_DOUBLE)


def _with_tools(call: Logged) -> Reply:
    if call.messages[-1]["role"] == "tool":
        return Reply(text="No umbrella: it will be sunny.")
    whole = "failed its checks" in str(call.messages)
    arguments = '{"city": "Oslo", "day": "tomorrow"}' if whole else '{"city": "Oslo"}'
    calls = (ToolCall(id="c1", name="weather", arguments=arguments),)
    return Reply(tool_calls=calls, finish_reason="tool_calls")


@pytest.fixture
async def models(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[ScriptedServer]:
    """The endpoint, which the examples find in their environment."""
    async with ScriptedServer(answer) as server:
        monkeypatch.setenv("MODELS_URL", server.base_url)
        monkeypatch.setenv("LOCAL_URL", server.base_url)
        monkeypatch.setenv("DEEPSEEK_API_KEY", "scripted")
        yield server


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Imports an example by name, as `python examples/NAME.py` would find it."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(EXAMPLES)):
            del sys.modules[name]
