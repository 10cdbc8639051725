"""The options that built-in validators take, from their own models; a model loads when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from cascade.config.base import integral
from cascade.config.document import Place, Problem
from cascade.config.explain import explain
from cascade.config.plugins import BUILT_IN


def options_model(name: str) -> tuple[type[BaseModel] | None, Mapping[str, Any]]:
    """The model of a validator's options, and what a ready entry sets already; None for plug-ins."""
    if name not in BUILT_IN["validators"]:
        return None, {}
    # The validators' room loads only if an option is given.
    from cascade.validators import catalog
    from cascade.validators.presets import PRESETS

    if name in PRESETS:
        return catalog.options_model("command"), {"name": name, **PRESETS[name]}
    # A command without a name is called as its program.
    return catalog.options_model(name), {"name": name}


def option_problems(validators: Any, raw: Mapping[Place, str]) -> Iterator[Problem]:
    """What is wrong with the options of built-in validators, in the file's places."""
    for index, written in enumerate(validators if isinstance(validators, list) else []):
        given = {"use": written} if isinstance(written, str) else written
        if not isinstance(given, dict) or not isinstance(given.get("use"), str):
            continue
        prefix = ("validators", index)
        own = {place[2:]: text for place, text in raw.items() if place[:2] == prefix}
        for one in _of_one(given, own):
            yield Problem((*prefix, *one.place), one.what, one.hint, one.at)


def _of_one(given: dict[str, Any], raw: dict[Place, str]) -> list[Problem]:
    options = {key: value for key, value in given.items() if key != "use"}
    if not options and given["use"] not in NEED_OPTIONS:
        return []
    model, preset = options_model(given["use"])
    return [] if model is None else _judged(model, options, preset, raw)


def _judged(
    model: type[BaseModel], options: dict[str, Any], preset: Mapping[str, Any], raw: dict[Place, str]
) -> list[Problem]:
    try:
        # By way of JSON: strict, and yet a list is a tuple.
        model.model_validate_json(json.dumps(_whole({**preset, **options})), strict=True)
    except ValidationError as error:
        found = explain(error, model, options, raw)
    else:
        return []
    parsing = [one for one in found if one.place[:1] == ("parse",)]
    others = [one for one in found if one.place[:1] != ("parse",)]
    if parsing:
        # Told once, and not once for each form that it might have had.
        pattern = [one for one in parsing if one.place == ("parse", "regex") and one.at == "value"]
        others.append(
            pattern[0] if pattern else Problem(("parse",), "names no way to read the output", PARSE)
        )
    return others


def _whole(value: Any) -> Any:
    """4.0 as 4, as JSON Schema and the rest of the config have it."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else integral(value)


NEED_OPTIONS = frozenset({"command", "json_schema", "model", "callable"})
PARSE = "write sarif, {json: {...}} or {regex: ...}: see docs/validators.md"
