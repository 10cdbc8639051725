"""Three tiers and a declared graph: each kind of task goes its own way.

python examples/three_tiers.py
cascade graph examples/three_tiers.yaml
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from cascade import Cascade, Task


async def main() -> None:
    """A task of each kind."""
    async with Cascade.from_file(Path(__file__).with_name("three_tiers.yaml")) as cascade:
        for kind in ("plain", "hard", "urgent"):
            task = Task(id=kind, prompt="Write `double(x)`.", target="double.py", metadata={"kind": kind})
            result = await cascade.run(task)
            way = " > ".join(f"{attempt.tier} at {attempt.node}" for attempt in result.attempts)
            print(f"{kind}: {result.status} from {result.tier} ({way})")


if __name__ == "__main__":
    asyncio.run(main())
