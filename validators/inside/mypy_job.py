"""stub"""

from typing import Any


def prepare() -> None: ...
def job(payload: dict[str, Any], report: int) -> None: ...
