"""A policy of your own: in office hours straight to the strong tier, at night the cheap one may try twice.

python examples/custom_policy.py
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from cascade import Cascade, Task
from cascade.config import load
from cascade.config.parts import PolicyPlugin
from cascade.policy.base import Decision, Situation
from cascade.policy.settled import settled


class Urgency:
    """`metadata.urgent` decides where a task starts; two attempts a tier."""

    name = "urgency"

    def decide(self, situation: Situation) -> Decision:
        """A pure function of the situation, so that a logged run can be replayed under it."""
        done = settled(situation, "stop")
        if done is not None:
            return done
        urgent = bool(situation.task.metadata.get("urgent"))
        plan = [tier for tier in situation.tiers for _ in range(2)]
        if urgent:
            plan = [situation.tiers[-1]] * 2
        made = len(situation.attempts)
        if made == len(plan):
            return Decision(action="stop", tier=None, reason="stop: no attempt is left")
        tier = plan[made]
        if made == 0:
            return Decision(action="start", tier=tier, reason=f"start: {'urgent' if urgent else 'no hurry'}")
        again = situation.attempts[-1].tier == tier
        return Decision(action="retry" if again else "escalate", tier=tier, reason=f"attempt {made + 1}")


async def main() -> None:
    """The same task twice, in a hurry and not."""
    config = load(Path(__file__).with_name("cascade.yaml"))
    mine = PolicyPlugin(use=f"{Path(__file__).stem}:Urgency")
    async with Cascade.from_config(config.model_copy(update={"policy": mine})) as cascade:
        for urgent in (False, True):
            task = Task(prompt="Write `double(x)`.", target="double.py", metadata={"urgent": urgent})
            result = await cascade.run(task)
            print(f"urgent={urgent}: {result.status}, {[attempt.tier for attempt in result.attempts]}")


if __name__ == "__main__":
    asyncio.run(main())
