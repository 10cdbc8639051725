"""A budget holds on the endpoint's count: what is set aside is near it, and what passes it is bounded."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cascade import Cascade, Task
from cascade.config import from_mapping
from cascade.testing import PrefixCache, ScriptedServer
from cascade.tokens import most_tokens
from tests.text.hostile_texts import TEXTS

ANSWER = "```python b.py\nx = 2\n```"
CODE = "def half(value: int) -> int:\n    return value // 2\n\n\n" * 7000


def true_count(text: str) -> int:
    """A tokenizer that makes four bytes of code a token."""
    return -(-len(text.encode()) // 4)


def cascade(server: ScriptedServer, folder: Path, **budget: str) -> Cascade:
    price = {"input": "0.66", "cached_input": "0.022", "output": "1.98"}
    tier: dict[str, Any] = {
        "base_url": server.base_url,
        "price": price,
        "max_output_tokens": 1000,
        "retries": 0,
    }
    declared = {
        "version": 1,
        "tiers": {"flash": {"model": "f", **tier}, "pro": {"model": "p", **tier}},
        "validators": ["syntax"],
        "sandbox": {"use": "none"},
        "classifier": "rules",
        "policy": {"use": "threshold", "start": 0.0, "attempts": {"flash": 1, "pro": 1}},
        "project": {"context": ["*.py"]},
        "budget": budget,
    }
    return Cascade.from_config(from_mapping(declared, folder=folder))


def repo(folder: Path, text: str) -> str:
    (folder / "repo").mkdir()
    (folder / "repo" / "a.py").write_text(text)
    return str(folder / "repo")


async def test_the_documented_budget_of_a_task_pays_for_a_large_context(tmp_path: Path) -> None:
    """Its true price is $0.06; at a token a byte $0.25 would be set aside."""
    assert len(CODE) > 360_000
    async with (
        ScriptedServer(ANSWER, count=true_count) as server,
        cascade(server, tmp_path, per_task_usd="0.15") as one,
    ):
        result = await one.run(Task(prompt="p", workspace=repo(tmp_path, CODE)))
    assert result.status == "accepted", result.reason


async def test_a_batch_fits_a_budget_that_its_bound_alone_would_not(tmp_path: Path) -> None:
    """After the first count of the context what is set aside for a request is what it costs, nearly."""
    async with (
        ScriptedServer(ANSWER, count=true_count, cache=PrefixCache()) as server,
        cascade(server, tmp_path, total_usd="0.22") as many,
    ):
        place = repo(tmp_path, CODE)
        tasks = [Task(id=str(number), prompt="p", workspace=place) for number in range(10)]
        ended = [result async for result in many.run_many(tasks, concurrency=10)]
        spent = many.ledger.total.cost_usd
    assert [result.status for result in ended] == ["accepted"] * 10
    assert spent <= Decimal("0.22")


async def test_a_task_that_ends_for_money_says_what_would_have_been_enough(tmp_path: Path) -> None:
    async with ScriptedServer(ANSWER) as server, cascade(server, tmp_path, per_task_usd="0.03") as one:
        result = await one.run(Task(prompt="p", files={"a.py": "x = 1\n" * 60_000}, target="b.py"))
    assert result.status == "budget_exhausted"
    assert server.log == []
    assert "is left for this task" in result.reason or "budget.per_task_usd: " in result.reason


@pytest.mark.parametrize("name", ["base64", "rare Chinese", "emoji", "white space"])
async def test_an_endpoint_that_counts_a_token_a_byte_passes_the_limit_by_one_wave_at_most(
    name: str, tmp_path: Path
) -> None:
    """No bound of ours holds there; the first reports correct it, so that only calls in flight pass the limit."""
    text, wave, limit = TEXTS[name], 3, Decimal("0.02")
    per_token = Decimal("0.66") / 1_000_000

    def bytes_of(said: str) -> int:
        return len(said.encode("utf-8", "surrogatepass"))

    async with (
        ScriptedServer(ANSWER, count=bytes_of) as server,
        cascade(server, tmp_path, total_usd=str(limit)) as many,
    ):
        tasks = [Task(id=str(number), prompt=text, target="b.py") for number in range(30)]
        _ = [result async for result in many.run_many(tasks, concurrency=wave)]
        spent = many.ledger.total.cost_usd
    above = max(0, bytes_of(text) - most_tokens(text)) + 200
    assert len(server.log) > wave
    assert spent <= limit + wave * above * per_token
