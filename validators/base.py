"""The seam of the checks: a workspace comes in, a report goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cascade.types import Report
    from cascade.validators.workspace import Workspace


class Validator(Protocol):
    """Checks one candidate. Found by entry point in the group `cascade.validators`; needs no base class."""

    @property
    def name(self) -> str:
        """The name in configs, reports and traces."""
        ...

    async def check(self, workspace: Workspace) -> Report:
        """Look at the workspace and say passed, failed or unchecked.

        A missing tool, a sandbox that would not start, the validator's own crash are `unchecked`, with the
        reason in `detail`. Cancellation ends every process that was started.
        """
        ...
