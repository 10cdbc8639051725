"""Which of several versions of a file is the answer: the last that is complete.

A usage example, a test or an excerpt is no version of the file: it uses names that only another block defines, or
defines less.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cascade.extraction.elided import elided_line
from cascade.extraction.fences import Block
from cascade.extraction.languages import is_of

_QUOTES = re.compile(
    r"\b(?:original|before|buggy|the bug|wrong|incorrect|old (?:code|version)|previously|instead of)\b",
    re.I,
)
_DEFINES = re.compile(
    r"^\s*(?:export\s+|public\s+|private\s+|static\s+|async\s+|default\s+|pub\s+)*"
    r"(?:function\*?|class|const|let|var|def|func|fn|interface|type|struct|enum|trait|impl|module|CREATE\s+TABLE)\s+([\w$]+)",
    re.M | re.I,
)


@dataclass(frozen=True, slots=True)
class _Names:
    """What a block of code defines and uses at its top level."""

    defined: frozenset[str]
    bound: frozenset[str]
    """Defined and imported."""
    needed: frozenset[str]
    """Defined, and used by nothing else that it defines."""
    used: frozenset[str]


def choose(versions: Sequence[Block], path: str, *, original: str = "") -> Block:
    """The version that counts, of one or more in their order. original: the file as it stands, for quotes of it."""
    left = [block for block in versions if block.text.strip()] or list(versions)
    left = [block for block in left if is_of(block.language, path)] or left
    left = [block for block in left if elided_line(block.text, path, original=original) is None] or left
    left = [block for block in left if block.text.strip() not in original] or left
    names = [names_of(block.text, path) for block in left]
    if all(each is None for each in names):
        return left[-1]
    return _last_complete(
        [(block, each) for block, each in zip(left, names, strict=True) if each is not None], path
    )


def _last_complete(versions: Sequence[tuple[Block, _Names]], path: str) -> Block:
    best, best_names = versions[0]
    for block, names in versions[1:]:
        if _is_example(block, names, best_names, path):
            continue
        covers = best_names.needed <= names.defined and not _quotes(block, best)
        if covers or _is_example(best, best_names, names, path):
            best, best_names = block, names
    return best


def _is_example(block: Block, names: _Names, others: _Names, path: str) -> bool:
    """Whether a block uses what it does not define itself: the module that is written, or another block's names."""
    module = re.escape(PurePosixPath(path).stem)
    imports = rf"^\s*(?:from\s+(?:[\w.]*\.)?{module}\s+import|import\s+(?:[\w.]*\.)?{module}\b)"
    return re.search(imports, block.text, re.M) is not None or bool((names.used - names.bound) & others.bound)


def _quotes(block: Block, best: Block) -> bool:
    """Whether a later block is said to be the old code, and the earlier one is not."""
    return _QUOTES.search(block.lead) is not None and _QUOTES.search(best.lead) is None


def names_of(text: str, path: str) -> _Names | None:
    """The names of a block of code; None where it cannot be read, or has none by the look of it."""
    if not path.endswith((".py", ".pyi")):
        defined = frozenset(_DEFINES.findall(text))
        return _Names(defined, defined, defined, frozenset()) if defined else None
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return _python_names(tree)


def _python_names(tree: ast.Module) -> _Names:
    bound: set[str] = set()
    uses: dict[str, set[str]] = {}
    defined = {name for node in tree.body if (name := _defines(node))}
    for node in tree.body:
        name = _defines(node)
        uses[name] = uses.get(name, set()) | _free(node)
        bound |= {name} if name else _binds(node)
    elsewhere = {
        name for name in defined for other, used in uses.items() if other not in ("", name) and name in used
    }
    needed = {name for name in defined - elsewhere if not name.startswith("_") and name != "main"}
    used = frozenset[str]().union(*uses.values())
    return _Names(frozenset(defined), frozenset(bound), frozenset(needed), used)


def _defines(node: ast.stmt) -> str:
    """The function or class that a statement defines, or nothing."""
    return node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else ""


def _free(node: ast.stmt) -> set[str]:
    """The names that a statement uses and does not bind itself."""
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
    local = {each.id for each in names if not isinstance(each.ctx, ast.Load)}
    local |= {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
    return {each.id for each in names if isinstance(each.ctx, ast.Load)} - local


def _binds(node: ast.stmt) -> set[str]:
    """The names that a statement at the top level binds."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return {
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)
    }
