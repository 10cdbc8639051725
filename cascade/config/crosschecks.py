"""What no single key can show: names that stand for something elsewhere, and keys that need each other.

Works on plain data, so that it reports beside other mistakes, in the same run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard, get_args

from cascade.config.document import Place, Problem, suggestion
from cascade.config.parts import Sandboxes, command_name
from cascade.config.plugins import BUILT_IN, Plugins, installed

# Mappings whose inside is not ours.
FREE = frozenset({"extra_body"})


def cross_check(data: Any, plugins: Plugins | None) -> list[Problem]:
    """Every mistake that shows only between keys."""
    if not isinstance(data, dict):
        return []
    tiers = list(_mapping(data.get("tiers")))
    return [
        *_enough_tiers(data.get("tiers")),
        *_providers(data, plugins),
        *_fallbacks(data),
        *_policy_tiers(_mapping(data.get("policy")), tiers),
        *_shadow_tiers(_mapping(data.get("shadow")), tiers),
        *_validator_names(data.get("validators")),
        *_context_windows(data),
    ]


def empty_keys(data: Any, place: Place = ()) -> list[Problem]:
    """Keys of ours that stand there without a value. In Python None means unset; in a file it is a slip."""
    problems: list[Problem] = []
    if _is_plugin(data) or (len(place) == 3 and place[0] == "trace"):
        return problems
    for key, value in _mapping(data).items():
        here = (*place, key)
        if value is None:
            problems.append(Problem(here, "is empty", "write a value, or remove the key", at="key"))
        elif key not in FREE and not _is_option(here):
            problems += empty_keys(value, here)
    for index, value in enumerate(_list(data)):
        if value is None:
            problems.append(Problem((*place, index), "is empty", "write a value, or remove it"))
        problems += empty_keys(value, (*place, index))
    return problems


def _is_option(place: Place) -> bool:
    """Whether this is inside of a validator, which judges its options itself."""
    return len(place) == 3 and place[0] == "validators"


def _is_plugin(data: Any) -> bool:
    """A plug-in's options are its own, None included."""
    use = _mapping(data).get("use")
    shipped = {name for names in BUILT_IN.values() for name in names} | set(get_args(Sandboxes))
    return isinstance(use, str) and use not in shipped


def missing_files(data: Any, folder: Path) -> list[Problem]:
    """Files that the config names and that are not there. Only where the work needs them."""
    if not isinstance(data, dict):
        return []
    problems = []
    for place, value in _named_files(data):
        path = folder / Path(value).expanduser()
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "no such file"
            problems.append(Problem(place, f"{what}: {os.path.relpath(path, folder)}", f"looked in {folder}"))
    return problems


def _named_files(data: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    for place, endpoint in _endpoints(data):
        yield from _each((*place, "recording"), endpoint.get("recording"))
    for section in ("classifier", "policy", "judge"):
        yield from _each((section, "artifact"), _mapping(data.get(section)).get("artifact"))


def _each(place: Place, value: Any) -> Iterator[tuple[Place, str]]:
    """The text at a place, or each of a list there."""
    if isinstance(value, str) and value:
        yield place, value
    for index, one in enumerate(_list(value)):
        if isinstance(one, str) and one:
            yield (*place, index), one


def _enough_tiers(tiers: Any) -> Iterator[Problem]:
    if isinstance(tiers, dict) and len(tiers) < 2:
        has = "none" if not tiers else "one"
        what = f"a cascade needs two tiers or more, and here is {has}"
        yield Problem(("tiers",), what, "add one, the cheapest first", at="key")


def _endpoints(data: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    for name, tier in _mapping(data.get("tiers")).items():
        yield ("tiers", name), _mapping(tier)
        for index, fallback in enumerate(_list(_mapping(tier).get("fallbacks"))):
            yield ("tiers", name, "fallbacks", index), _mapping(fallback)


def _providers(data: dict[str, Any], plugins: Plugins | None) -> Iterator[Problem]:
    for place, endpoint in _endpoints(data):
        provider = endpoint.get("provider", "openai")
        if provider == "openai" and endpoint and endpoint.get("base_url") is None:
            hint = "add base_url: https://HOST/..., or provider: recorded"
            yield Problem((*place, "base_url"), "is missing", hint)
        if provider == "recorded" and endpoint.get("recording") in (None, []):
            yield Problem((*place, "recording"), "is missing", "add recording: FILE.jsonl")
        if isinstance(provider, str) and provider not in BUILT_IN["models"]:
            plugins = plugins or installed()
            if not plugins.knows("models", provider):
                hint = suggestion(provider, plugins.known("models"))
                yield Problem((*place, "provider"), f"{provider} is not known", hint)


def _fallbacks(data: dict[str, Any]) -> Iterator[Problem]:
    for name, tier in _mapping(data.get("tiers")).items():
        fallbacks = _list(_mapping(tier).get("fallbacks"))
        for index, endpoint in enumerate([_mapping(tier), *map(_mapping, fallbacks)] if fallbacks else []):
            provider = endpoint.get("provider", "openai")
            if isinstance(provider, str) and provider != "openai":
                place: Place = ("tiers", name, *(("fallbacks", index - 1) if index else ()), "provider")
                what = f"fallbacks stand in for each other only where all are endpoints, not {provider}"
                yield Problem(place, what, "use provider: openai, or no fallbacks")
                break


def _policy_tiers(policy: dict[str, Any], tiers: list[str]) -> Iterator[Problem]:
    attempts = _mapping(policy.get("attempts"))
    if policy.get("use") in ("threshold", "expected_value"):
        for name in attempts:
            if name not in tiers:
                hint = suggestion(name, tiers, what="tiers")
                yield Problem(("policy", "attempts", name), "there is no such tier", hint, at="key")
    if policy.get("use") == "fixed":
        yield from _listed_tiers(policy.get("order"), ("policy", "order"), tiers)


def _shadow_tiers(shadow: dict[str, Any], tiers: list[str]) -> Iterator[Problem]:
    yield from _listed_tiers(shadow.get("tiers"), ("shadow", "tiers"), tiers)


def _listed_tiers(listed: Any, place: Place, tiers: list[str]) -> Iterator[Problem]:
    for index, name in enumerate(_list(listed)):
        if isinstance(name, str) and name not in tiers:
            hint = suggestion(name, tiers, what="tiers")
            yield Problem((*place, index), f"there is no tier {name}", hint)


def _validator_names(validators: Any) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, validator in enumerate(_list(validators)):
        use = validator if isinstance(validator, str) else _mapping(validator).get("use")
        name = _mapping(validator).get("name") or use
        if name == "command":
            name = command_name(_mapping(validator).get("run"))
        if not isinstance(name, str):
            continue
        if name in seen:
            hint = f"give one of them another `name` (first: validators[{seen[name]}])"
            yield Problem(("validators", index), f"a validator called {name} stands here already", hint)
        seen.setdefault(name, index)


def _context_windows(data: dict[str, Any]) -> Iterator[Problem]:
    """A prefix that one tier cannot read cannot be the same for all."""
    wanted = _mapping(data.get("project")).get("context_tokens")
    for place, endpoint in _endpoints(data):
        window = endpoint.get("context_tokens")
        if _is_count(wanted) and _is_count(window) and wanted > window:
            where = ".".join(map(str, place))
            what = f"{wanted} is more than {where} reads ({window} tokens)"
            yield Problem(("project", "context_tokens"), what, f"write less than {window}")
            return


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
