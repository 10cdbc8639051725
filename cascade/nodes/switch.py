"""switch: go by a value of the task's metadata."""

from __future__ import annotations

import json

from cascade.config.graph import SwitchNode
from cascade.events import Emit
from cascade.nodes.services import Services
from cascade.nodes.state import State, task_of
from cascade.nodes.step import Here, Outcome

OTHER = "other"


async def switch(state: State, _services: Services, _emit: Emit, here: Here) -> Outcome:
    """The value as text if it is one of the cases, else `other`; what is no text is taken as JSON writes it."""
    declared = here.of(SwitchNode)
    value = task_of(state).metadata.get(declared.metadata)
    text = value if isinstance(value, str) else json.dumps(value)
    return Outcome(text if text in declared.cases else OTHER, {})
