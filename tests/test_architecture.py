"""The arrows of ARCHITECTURE.md: a module imports only what stands below it, lazily or not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Top to bottom. A module may import modules of rows below its own, and of its own row in its own room.
LAYERS: list[tuple[str, ...]] = [
    ("cascade.cli",),
    ("cascade.server", "cascade.integrations"),
    ("cascade.api",),
    ("cascade.wiring",),
    ("cascade.plugins", "cascade.runtrace"),
    ("cascade.graph",),
    ("cascade.nodes", "cascade.narration", "cascade.trailing"),
    ("cascade.events", "cascade.forecast"),
    ("cascade.report", "cascade.diagram"),
    ("cascade.tuning",),
    ("cascade.replay",),
    ("cascade.policy",),
    ("cascade.testing",),
    ("cascade.models",),
    ("cascade.prompting", "cascade.extraction"),
    ("cascade.context",),
    ("cascade.patches",),
    ("cascade.edits",),
    ("cascade.ledger",),
    ("cascade.budget",),
    ("cascade.prices",),
    ("cascade.trace",),
    ("cascade.config",),
    ("cascade.tasks", "cascade.results"),
    ("cascade.classifiers", "cascade.validators"),
    ("cascade.storage", "cascade.background", "cascade.conversation", "cascade.toolchoice"),
    (
        "cascade.codec",
        "cascade.evidence",
        "cascade.globs",
        "cascade.tokens",
        "cascade.thoughts",
        "cascade.forks",
        "cascade.uses",
        "cascade.visible",
    ),
    ("cascade.errors",),
    ("cascade.types",),
    ("cascade.surrogates", "cascade.notices"),
]
# What only one place may import.
SOLE_IMPORTERS = {
    "langgraph": {"cascade.graph"},
    "openai": {"cascade.models.openai", "cascade.models.transport"},
}


def modules() -> Iterator[tuple[str, Path]]:
    """Dotted name and file of every module of the library."""
    for folder in ("cascade", "classifiers", "validators"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            parts = parts if parts[0] == "cascade" else ("cascade", *parts)
            yield ".".join(part for part in parts if part != "__init__"), path


MODULES = dict(modules())


@cache
def imports(path: Path) -> frozenset[str]:
    """Every dotted name the file imports, inside functions too; type-checking imports count as well."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else str(node.module))
    return frozenset(found)


def row(module: str) -> int:
    """The layer's number; the most specific prefix wins."""
    for number, names in enumerate(LAYERS):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            return number
    raise AssertionError(f"{module} stands in no layer: give it a place in LAYERS and in ARCHITECTURE.md")


def room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def test_arrows_point_down_only() -> None:
    wrong = [
        f"{module} imports {wanted}, which does not stand below it"
        for module, path in MODULES.items()
        if module not in {"cascade", "cascade.__main__"}
        for wanted in imports(path)
        if wanted.startswith("cascade.") and room(wanted) != room(module) and row(wanted) <= row(module)
    ]
    assert wrong == []


def test_some_libraries_have_one_importer() -> None:
    wrong = [
        f"{module} imports {wanted}; only {sorted(SOLE_IMPORTERS[name])} may"
        for module, path in MODULES.items()
        if room(module) != "cascade.integrations"
        for wanted in imports(path)
        if (name := wanted.split(".")[0]) in SOLE_IMPORTERS and module not in SOLE_IMPORTERS[name]
    ]
    assert wrong == []


def test_no_import_cycle() -> None:
    graph = {
        name: {wanted for wanted in imports(path) if wanted in MODULES} - {name}
        for name, path in MODULES.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, "import cycle: " + " -> ".join([*trail[trail.index(name) :], name])
        if name in done:
            return
        for wanted in sorted(graph[name]):
            visit(wanted, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())
