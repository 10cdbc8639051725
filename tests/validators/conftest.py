"""One sandbox for a whole session of tests: servers stay warm, as they do in use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from cascade.types import Candidate, Task, Verdict
from cascade.validators.base import Validator
from cascade.validators.sandbox import Limits, Sandbox, open_sandbox
from cascade.validators.suite import Suite
from tests.validators.hostile.arena import SECRET

# Only what a test itself bounds is cut on a slow machine.
PATIENT = Limits(wall_s=60.0)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The strongest sandbox without another program's help."""
    os.environ["CASCADE_HOSTILE_SECRET"] = SECRET
    opened = open_sandbox("landlock", limits=PATIENT)
    yield opened
    opened.close()


@pytest.fixture(scope="session", params=["landlock", "bwrap"])
def layer(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Sandbox]:
    """Each layer that this machine has."""
    if request.param == "landlock":
        yield sandbox
        return
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed here; the same claims are tested with Landlock")
    opened = open_sandbox("bwrap", limits=PATIENT)
    yield opened
    opened.close()


async def verdict(*validators: Validator, files: dict[str, str], **task: object) -> Verdict:
    """What these validators say of an answer with these files."""
    suite = Suite(validators, stop_early=False)
    try:
        return await suite.check(Task(prompt="", **task), Candidate(text="", files=files))  # type: ignore[arg-type]
    finally:
        await suite.aclose()
