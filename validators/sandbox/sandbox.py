"""The sandbox as the rest of the library sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from cascade.errors import SandboxError
from cascade.validators.sandbox.limits import Completed, Limits

Use: TypeAlias = Literal["auto", "landlock", "bwrap", "container", "none"]


class Sandbox:
    """Runs programs isolated. `layers` are what was probed and holds; `root` is where workspaces must be."""

    layers: tuple[str, ...]
    isolates: bool
    root: Path

    def require_isolation(self) -> None:
        """Raise SandboxError if model-written code must not be executed here."""
        raise NotImplementedError

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        writable: Sequence[Path] = (),
        timeout_s: float | None = None,
    ) -> Completed:
        """Run a program to its end, or to its limits."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """End every process and remove `root`."""
        raise NotImplementedError


def open_sandbox(use: Use = "auto", *, limits: Limits | None = None) -> Sandbox:
    """The strongest sandbox that works here, probed by running what must fail inside it."""
    raise SandboxError("not built yet")
