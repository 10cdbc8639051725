"""`python -m benchmarks.prefix`: ten tasks on a codebase of 380 KB, against a scripted server with a prefix cache."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from cascade import Cascade, Task
from cascade.config import from_mapping
from cascade.testing import PrefixCache, ScriptedServer

CODE = "".join(f"def f{number}(value):\n    return value + {number}\n\n\n" for number in range(8800))
PRICE = {"input": 0.15, "cached_input": 0.003, "output": 0.60}


async def main() -> None:
    """Print what `cascade run` would say of the prefix."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "repo").mkdir()
        (Path(folder) / "repo" / "code.py").write_text(CODE)
        async with ScriptedServer("```python new.py\nx = 2\n```", cache=PrefixCache()) as server:
            tier = {"base_url": server.base_url, "price": PRICE}
            declared = {
                "version": 1,
                "tiers": {"flash": {"model": "f", **tier}, "pro": {"model": "p", **tier}},
                "validators": ["syntax"],
                "sandbox": {"use": "none"},
                "classifier": "rules",
                "project": {"context": ["*.py"]},
            }
            async with Cascade.from_config(from_mapping(declared, folder=folder)) as cascade:
                place = str(Path(folder) / "repo")
                tasks = [
                    Task(id=str(number), prompt=f"change {number}", workspace=place) for number in range(10)
                ]
                async for _ in cascade.run_many(tasks):
                    pass
                print("\n".join(cascade.tally.prefix.lines()))


if __name__ == "__main__":
    asyncio.run(main())
