"""A dozen ways to break a right answer. Each takes the text and the function's name; None where it does not apply."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable

Mutator = Callable[[str, str, random.Random], str | None]


def _function(tree: ast.Module, name: str) -> ast.FunctionDef | None:
    return next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name), None)


def _at_start(text: str, name: str, lines: str) -> str | None:
    """The function with statements put before its body, behind its docstring."""
    tree = ast.parse(text)
    function = _function(tree, name)
    if function is None:
        return None
    at = 1 if ast.get_docstring(function, clean=False) is not None else 0
    function.body[at:at] = ast.parse(lines).body
    return ast.unparse(tree)


def syntax(text: str, name: str, rng: random.Random) -> str | None:
    """A colon or a bracket is lost."""
    places = [
        index
        for index, char in enumerate(text)
        if char in ":)]" and "#" not in text[:index].rpartition("\n")[2]
    ]
    tree = ast.parse(text)
    function = _function(tree, name)
    start = text.find("def ")
    places = [index for index in places if index > start]
    rng.shuffle(places)
    for index in places:
        broken = text[:index] + text[index + 1 :]
        try:
            ast.parse(broken)
        except SyntaxError:
            return broken if function is not None else None
    return None


def undefined_name(text: str, name: str, rng: random.Random) -> str | None:
    """A variable is misspelt where it is read."""
    tree = ast.parse(text)
    function = _function(tree, name)
    if function is None:
        return None
    reads = [
        node for statement in function.body for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    ]  # fmt: skip
    if not reads:
        return None
    rng.choice(reads).id += "_"
    return ast.unparse(tree)


def wrong_type(text: str, name: str, rng: random.Random) -> str | None:
    """What is returned is wrapped in a tuple."""
    del rng
    tree = ast.parse(text)
    function = _function(tree, name)
    if function is None:
        return None
    found = False
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            node.value = ast.Tuple(elts=[node.value], ctx=ast.Load())
            found = True
    return ast.unparse(ast.fix_missing_locations(tree)) if found else None


def off_by_one(text: str, name: str, rng: random.Random) -> str | None:
    """A number is one too large, or a comparison includes its bound (or no longer does)."""
    tree = ast.parse(text)
    function = _function(tree, name)
    if function is None:
        return None
    swaps: dict[type[ast.cmpop], type[ast.cmpop]] = {
        ast.Lt: ast.LtE,
        ast.LtE: ast.Lt,
        ast.Gt: ast.GtE,
        ast.GtE: ast.Gt,
    }
    places: list[ast.AST] = [
        node for statement in function.body for node in ast.walk(statement)
        if (isinstance(node, ast.Constant) and type(node.value) is int)
        or (isinstance(node, ast.Compare) and type(node.ops[0]) in swaps)
    ]  # fmt: skip
    if not places:
        return None
    place = rng.choice(places)
    if isinstance(place, ast.Constant) and isinstance(place.value, int):
        place.value += 1
    elif isinstance(place, ast.Compare):
        place.ops[0] = swaps[type(place.ops[0])]()
    return ast.unparse(tree)


def stub(text: str, name: str, rng: random.Random) -> str | None:
    """Nothing but the signature and the docstring."""
    del rng
    tree = ast.parse(text)
    function = _function(tree, name)
    if function is None:
        return None
    has_docstring = ast.get_docstring(function, clean=False) is not None
    function.body = [*(function.body[:1] if has_docstring else []), ast.Pass()]
    return ast.unparse(ast.fix_missing_locations(tree))


def invented_import(text: str, name: str, rng: random.Random) -> str | None:
    """A module that does not exist is imported where it is used."""
    module = rng.choice(["fastlist", "pymathx", "string_helpers", "collections_ext"])
    return _at_start(text, name, f"import {module}\n{module}.check()")


def truncation(text: str, name: str, rng: random.Random) -> str | None:
    """The answer ends in the middle of the function's body."""
    tree = ast.parse(text)
    function = _function(tree, name)
    if function is None or function.end_lineno is None:
        return None
    has_docstring = ast.get_docstring(function, clean=False) is not None
    if has_docstring and len(function.body) < 2:
        return None
    first = function.body[1 if has_docstring else 0].lineno
    lines = text.splitlines()
    cut = rng.randint(first, max(first, function.end_lineno - 1))
    line = lines[cut - 1]
    return (
        "\n".join([*lines[: cut - 1], line[: max(len(line) - len(line.lstrip()) + 1, len(line) // 2)]]) + "\n"
    )


def wrong_name(text: str, name: str, rng: random.Random) -> str | None:
    """The function is called something else."""
    del rng
    tree = ast.parse(text)
    function = _function(tree, name)
    if function is None:
        return None
    function.name = "solve" if name != "solve" else "solution"
    return ast.unparse(tree)


def swallowed_exception(text: str, name: str, rng: random.Random) -> str | None:
    """The body breaks on its way, and the error is swallowed."""
    broken = undefined_name(text, name, rng)
    if broken is None:
        return None
    tree = ast.parse(broken)
    function = _function(tree, name)
    if function is None:
        return None
    at = 1 if ast.get_docstring(function, clean=False) is not None else 0
    handler = ast.ExceptHandler(type=ast.Name(id="Exception", ctx=ast.Load()), name=None, body=[ast.Pass()])
    function.body[at:] = [ast.Try(body=function.body[at:], handlers=[handler], orelse=[], finalbody=[])]
    return ast.unparse(ast.fix_missing_locations(tree))


def slow(text: str, name: str, rng: random.Random) -> str | None:
    """Right, in the end."""
    del rng
    return _at_start(text, name, "for _i in range(10 ** 10):\n    pass")


def infinite_loop(text: str, name: str, rng: random.Random) -> str | None:
    """Never right."""
    del rng
    return _at_start(text, name, "_n = 0\nwhile _n >= 0:\n    _n += 1")


def global_state(text: str, name: str, rng: random.Random) -> str | None:
    """Right on the first call, and the first call's answer for ever after."""
    del rng
    tree = ast.parse(text)
    function = _function(tree, name)
    if function is None:
        return None
    function.name = f"_first_{name}"
    wrapper = (
        f"_answers = []\n\n\ndef {name}(*arguments):\n    if not _answers:\n"
        f"        _answers.append(_first_{name}(*arguments))\n    return _answers[0]\n"
    )
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == name:
            node.id = f"_first_{name}"
    return f"{ast.unparse(tree)}\n\n\n{wrapper}"


MUTATORS: dict[str, Mutator] = {
    "syntax error": syntax,
    "undefined name": undefined_name,
    "wrong type": wrong_type,
    "off by one": off_by_one,
    "stub": stub,
    "invented import": invented_import,
    "truncation": truncation,
    "wrong name": wrong_name,
    "swallowed exception": swallowed_exception,
    "slow": slow,
    "infinite loop": infinite_loop,
    "global state": global_state,
}


def mutants(text: str, name: str, seed: str) -> dict[str, str]:
    """Every mutant that differs from the answer, by the way it was broken."""
    made: dict[str, str] = {}
    original = ast.dump(ast.parse(text))
    for kind, mutate in MUTATORS.items():
        broken = mutate(text, name, random.Random(f"{seed}/{kind}"))
        if broken is None:
            continue
        try:
            same = ast.dump(ast.parse(broken)) == original
        except (SyntaxError, ValueError):
            same = False
        if not same:
            made[kind] = broken
    return made
