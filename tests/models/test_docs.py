"""What docs/models.md says of failures is all there is, and its snippets run."""

from __future__ import annotations

import re
from pathlib import Path

from cascade.models.failures import ELSEWHERE, STATUS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")


def documented() -> dict[str, tuple[str, str]]:
    """Code to what the table says of trying again and elsewhere."""
    rows = re.findall(r"^\| `(model\.\w+)` \|.*\| ([^|]+) \| ([^|]+) \|$", PAGE, re.M)
    return {code: (again.strip(), elsewhere.strip()) for code, again, elsewhere in rows}


def test_every_code_of_the_source_is_documented_and_no_other() -> None:
    sources = [*(ROOT / "cascade" / "models").glob("*.py"), *(ROOT / "cascade" / "nodes").glob("*.py")]
    used = {
        code
        for path in sources
        for code in re.findall(r'"(model\.[a-z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert set(documented()) == used


def test_what_may_be_asked_elsewhere_is_what_the_table_says() -> None:
    table = documented()
    assert {code for code, (_, elsewhere) in table.items() if elsewhere == "yes"} == set(ELSEWHERE)
    for kind in STATUS.values():
        assert table[kind.code][0].startswith("yes") == kind.retryable


async def test_the_snippets_run() -> None:
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        body = "\n".join(f"    {line}" for line in code.splitlines())
        scope: dict[str, object] = {}
        exec(f"async def snippet():\n{body}", scope)
        await scope["snippet"]()  # type: ignore[operator]
