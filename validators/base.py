"""The seam of the checks: a workspace comes in, a report goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cascade.types import Report
    from cascade.validators.workspace import Workspace


class Validator(Protocol):
    """Checks one candidate. Found by entry point in the group `cascade.validators`; needs no base class.

    It may have more: `reads = True` if it executes nothing (then it is shown the answer's own tests and
    configuration too), and what `cascade.validators.baseline.Comparable` names, so that what it says of the
    untouched workspace does not count.
    """

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
