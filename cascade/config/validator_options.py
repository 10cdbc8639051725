"""The options that built-in validators take, from their own models; a model loads when it is asked for."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from cascade.config.document import Place, Problem
from cascade.config.explain import explain

OPTIONS = {
    "syntax": "cascade.validators.syntax:SyntaxOptions",
    "ruff": "cascade.validators.ruff:RuffOptions",
    "mypy": "cascade.validators.mypy:MypyOptions",
}


def options_model(name: str) -> type[BaseModel] | None:
    """The model of a validator's options; None for plug-ins, which check their own."""
    if name not in OPTIONS:
        return None
    module, attribute = OPTIONS[name].split(":")
    model: type[BaseModel] = getattr(importlib.import_module(module), attribute)
    return model


def option_problems(validators: Any, raw: Mapping[Place, str]) -> Iterator[Problem]:
    """What is wrong with the options of built-in validators, in the file's places."""
    for index, validator in enumerate(validators if isinstance(validators, list) else []):
        given = {"use": validator} if isinstance(validator, str) else validator
        name = given.get("use") if isinstance(given, dict) else None
        model = options_model(name) if isinstance(name, str) else None
        if model is None:
            continue
        prefix = ("validators", index)
        options = {key: value for key, value in given.items() if key != "use"}
        own = {place[2:]: text for place, text in raw.items() if place[:2] == prefix}
        try:
            # By way of JSON: strict, and yet a list is a tuple.
            model.model_validate_json(json.dumps(options), strict=True)
        except ValidationError as error:
            for one in explain(error, model, options, own):
                yield Problem((*prefix, *one.place), one.what, one.hint, one.at)
