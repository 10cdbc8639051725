"""The cascade in a program of yours: one task, checked by its tests.

python examples/embed.py
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from cascade import Cascade, Task

TESTS = """
from slug import slugify

def test_words():
    assert slugify("Hello, World!") == "hello-world"

def test_edges():
    assert slugify("  --  ") == ""
"""


async def main() -> None:
    """Run one task and say what it took."""
    task = Task(
        prompt="Write `slugify(text: str) -> str`: lower case, words joined by one hyphen, nothing else.",
        target="slug.py",
        tests={"test_slug.py": TESTS},
    )
    async with Cascade.from_file(Path(__file__).with_name("cascade.yaml")) as cascade:
        result = await cascade.run(task)
    print(f"{result.status} from {result.tier} after {len(result.attempts)} attempts, ${result.cost_usd}")
    for attempt in result.attempts:
        verdict = attempt.verdict.status if attempt.verdict else attempt.error
        print(f"  {attempt.number}. {attempt.tier}: {verdict}")
    print(result.files["slug.py"])


if __name__ == "__main__":
    asyncio.run(main())
