"""What holds for all tests: the user's own cache is left alone, commands start quickly, no property is timed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("cascade", deadline=None)
settings.load_profile("cascade")


@pytest.fixture(scope="session", autouse=True)
def _kept_bytecode() -> None:
    """Commands that tests start keep their bytecode: compiling it anew is half of what each of them costs."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Baselines are kept in a folder of this test run; commands that tests start inherit it."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before
