"""Resolve this package, with its extras, in one environment with each of what its users have; write the table.

Run by `make coinstall`; needs `uv` and a network. The table in docs/install.md is rewritten. Each package is taken at
the newest version that it resolves to by itself: a resolver that must go back to an older one has met a conflict. It
exits with 1 if a conflict has no reason in `NOT_OURS`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "install.md"
BEGIN, END = "<!-- coinstall: written by `make coinstall` -->", "<!-- end of coinstall -->"
EXTRAS = "checks,langchain,otel,parquet,plots,serve"
NEIGHBOURS = (
    "langchain", "litellm", "instructor", "crewai", "aider-chat", "pydantic-ai", "fastapi", "jupyter", "llama-index",
    "google-genai", "semantic-kernel", "openai<3", "pytest<9",
)  # fmt: skip
SHOWN = ("openai", "pydantic", "rich", "numpy", "langgraph", "pytest")
# Why a neighbour cannot be installed with this package, where the cause is not a requirement of ours.
NOT_OURS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Row:
    """One neighbour beside this package."""

    neighbour: str
    """As it is asked for."""
    version: str
    """The newest there is, or empty."""
    chosen: Mapping[str, str]
    """Package to version in the common environment; empty if there is no such environment."""
    reason: str = ""
    """Why there is none."""


def resolve(*requirements: str) -> tuple[dict[str, str], str]:
    """The versions that satisfy all, or none and what the resolver said."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "asked.in"
        asked.write_text("\n".join(requirements) + "\n")
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
        done = subprocess.run([*command, str(asked)], capture_output=True, text=True, check=False, cwd=folder)
    pinned = (line.split(" ;")[0].split("==") for line in done.stdout.splitlines() if "==" in line)
    found = {name.split("[")[0]: version.strip() for name, version in pinned}
    return (found, "") if done.returncode == 0 else ({}, done.stderr.strip())


def beside(neighbour: str) -> Row:
    """Resolve the neighbour alone, then that version of it together with this package."""
    name = neighbour.split("<", maxsplit=1)[0]
    alone, said = resolve(neighbour)
    if not alone:
        return Row(neighbour, "", {}, said)
    chosen, said = resolve(f"{name}=={alone[name]}", f"cascade-router[{EXTRAS}] @ {ROOT.as_uri()}")
    return Row(neighbour, alone[name], chosen, NOT_OURS.get(neighbour, said))


def table(rows: list[Row]) -> str:
    """The rows as Markdown, with the day."""
    day = datetime.now(UTC).date().isoformat()
    python = ".".join(map(str, sys.version_info[:2]))
    lines = [
        BEGIN,
        f"Resolved on {day} for Python {python}, with the extras {EXTRAS.replace(',', ', ')}:",
        "",
        f"| beside | newest | together | {' | '.join(SHOWN)} |",
        "| --- " * (3 + len(SHOWN)) + "|",
    ]
    for row in rows:
        versions = " | ".join(row.chosen.get(name, "") for name in SHOWN)
        together = "yes" if row.chosen else f"no: {' '.join(row.reason.split())[:300]}"
        lines.append(f"| `{row.neighbour}` | {row.version} | {together} | {versions} |")
    return "\n".join([*lines, END])


def main() -> int:
    """Print the table, put it into the page, and say whether every conflict is explained."""
    rows = []
    for neighbour in NEIGHBOURS:
        rows.append(beside(neighbour))
        print(f"{neighbour}: {'yes' if rows[-1].chosen else 'no: ' + rows[-1].reason}", flush=True)
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + table(rows) + rest.partition(END)[2], "utf-8")
    return int(any(not row.chosen and row.neighbour not in NOT_OURS for row in rows))


if __name__ == "__main__":
    sys.exit(main())
