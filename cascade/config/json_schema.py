"""The JSON Schema of the config file: what `cascade check` refuses, an editor underlines.

pydantic's schema, made as strict as the loader is. What JSON Schema cannot say stays with `check`: names that
stand for something elsewhere in the file, repeated keys, variables, and files that are not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from cascade.config.parts import (
    ExpectedValuePolicy,
    FixedPolicy,
    LinearClassifier,
    RulesClassifier,
    ThresholdPolicy,
)
from cascade.config.plugins import BUILT_IN, IMPORT_REFERENCE, Kind, Plugins, installed
from cascade.config.schema import Config
from cascade.config.validator_options import options_model

SCHEMA_ID = "urn:cascade-router:config:1"
VARIABLE = {"$ref": "#/$defs/Variable"}
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_LENGTHS = {"array": "Items", "object": "Properties", "string": "Length"}
_MEMBERS: dict[Kind, dict[str, type[BaseModel]]] = {
    "classifiers": {"rules": RulesClassifier, "linear": LinearClassifier},
    "policies": {
        "expected_value": ExpectedValuePolicy,
        "threshold": ThresholdPolicy,
        "fixed": FixedPolicy,
    },
}


def json_schema(plugins: Plugins | None = None) -> dict[str, Any]:
    """JSON Schema, draft 2020-12. plugins: names beside the built-in ones; None means those installed."""
    plugins = installed() if plugins is None else plugins
    build = _Build(plugins)
    schema = build.of(Config)
    properties = schema["properties"]
    properties["tiers"] |= {"minProperties": 2}
    properties["validators"]["default"] = [
        validator.use for validator in Config.model_fields["validators"].default
    ]
    for key, kind in (("classifier", "classifiers"), ("policy", "policies")):
        told = {name: value for name, value in properties[key].items() if name == "description"}
        properties[key] = told | build.choice(kind, _MEMBERS[kind])  # type: ignore[index,arg-type]
    build.definitions["DecideNode"]["properties"]["policy"] = properties["policy"] | {
        "description": "A policy of this node's own. Unset: the config's."
    }
    properties["validators"]["items"] = build.validators()
    build.definitions["TraceConfig"]["properties"]["sinks"]["items"] = build.sinks()
    for name in ("EndpointConfig", "TierConfig"):
        build.definitions[name] = build.endpoint(build.definitions[name])
    build.definitions["Variable"] = {
        "type": "string",
        "pattern": r"\$\{",
        "description": "Text with ${VARIABLE} or ${VARIABLE:-default} in it.",
    }
    for unused in ("ClassifierPlugin", "PolicyPlugin", "SinkConfig", "ValidatorConfig"):
        build.definitions.pop(unused, None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "cascade config",
        **schema,
        "$defs": dict(sorted(build.definitions.items())),
    }


class _Build:
    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins
        self.definitions: dict[str, Any] = {}

    def of(self, model: type[BaseModel]) -> dict[str, Any]:
        """The model's own schema; what it refers to goes into `definitions`."""
        schema = model.model_json_schema()
        definitions = schema.pop("$defs", {})
        self.definitions.update({name: _strict(one) for name, one in definitions.items()})
        strict: dict[str, Any] = _strict(schema)
        return strict

    def choice(self, kind: Kind, members: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
        """A name alone, or a mapping with `use`: built in with its keys, or a plug-in with any."""
        return self._among(kind, {name: self._member(name, model) for name, model in members.items()})

    def _among(self, kind: Kind, mappings: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        alone = [name for name, member in mappings.items() if member.get("required") == ["use"]]
        plugins = sorted(self.plugins.of(kind) - set(BUILT_IN[kind]))
        outside = {
            "anyOf": [*self._named(plugins), {"type": "string", "pattern": IMPORT_REFERENCE}, VARIABLE]
        }
        plugin = {"properties": {"use": outside, **self._name(kind)}, "required": ["use"]}
        return {
            "anyOf": [
                *self._named([*alone, *plugins]),
                {"type": "string", "pattern": IMPORT_REFERENCE},
                VARIABLE,
                *(
                    {**member, "properties": member["properties"] | self._name(kind)}
                    for member in mappings.values()
                ),
                {"type": "object", **plugin},
            ]
        }

    def validators(self) -> dict[str, Any]:
        """One of `validators`: each with the options of its own model."""
        members = {}
        for name in BUILT_IN["validators"]:
            model, preset = options_model(name)
            member = self._member(name, model)
            members[name] = member | {"required": [key for key in member["required"] if key not in preset]}
            parse = members[name].get("properties", {}).get("parse")
            if parse:
                parse["anyOf"] += [
                    {"const": "sarif"},
                    _wrapped("json", {"$ref": "#/$defs/JsonPath"}),
                    VARIABLE,
                ]
        return self._among("validators", members)

    def sinks(self) -> dict[str, Any]:
        """One of `trace.sinks`: their options are their own."""
        shipped = {
            "type": "object",
            "properties": {"use": {"enum": list(BUILT_IN["trace_sinks"])}},
            "required": ["use"],
        }
        return self._among("trace_sinks", {"opentelemetry": shipped})

    def _named(self, names: list[str]) -> list[dict[str, Any]]:
        return [{"enum": names}] if names else []

    def _name(self, kind: Kind) -> dict[str, Any]:
        """Every validator may be given a name."""
        if kind != "validators":
            return {}
        return {"name": {"type": "string", "minLength": 1, "description": "The name in reports."}}

    def _member(self, name: str, model: type[BaseModel] | None) -> dict[str, Any]:
        if model is None:
            return {"type": "object", "properties": {"use": {"const": name}}, "required": ["use"]}
        schema = self.of(model)
        properties = {**schema.get("properties", {}), "use": {"const": name}}
        required = ["use", *(key for key in schema.get("required", []) if key != "use")]
        return {**schema, "properties": properties, "required": required, "additionalProperties": False}

    def endpoint(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What `provider` says decides which keys are needed."""
        properties = schema["properties"]
        outside = [{"type": "string", "pattern": IMPORT_REFERENCE}, VARIABLE]
        properties["provider"] = {
            **{
                key: value
                for key, value in properties["provider"].items()
                if key in {"description", "default"}
            },
            "anyOf": [{"enum": list(self.plugins.known("models"))}, *outside],
        }
        needs = [
            ({"properties": {"provider": {"const": "openai"}}}, "base_url"),
            ({"properties": {"provider": {"const": "recorded"}}, "required": ["provider"]}, "recording"),
        ]
        return {**schema, "allOf": [{"if": when, "then": {"required": [key]}} for when, key in needs]}


def _wrapped(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {key: schema}, "required": [key], "additionalProperties": False}


def _strict(schema: Any, key: str = "") -> Any:
    """As strict as the loader: no null, bounds by their names, variables where text is constrained."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema if one != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    if key == "properties":
        return {name: _strict(one) for name, one in schema.items()}
    if key == "default":
        return {name: one for name, one in schema.items() if one is not None}
    names = _names(str(schema.get("type")))
    kept = {name: one for name, one in schema.items() if _kept(name, one)}
    plain: dict[str, Any] = {names.get(name) or name: _strict(one, name) for name, one in kept.items()}
    return _with_variable(_simple(plain)) if key != "propertyNames" else plain


def _names(kind: str) -> dict[str, str]:
    """Behind a validator of ours pydantic names bounds as its own arguments, and those of a list as a text's."""
    sized = _LENGTHS.get(kind, "")
    lengths = {name: f"{name[:3]}{sized}" for name in ("min_length", "minLength", "max_length", "maxLength")}
    return {**_BOUNDS, **lengths}


def _simple(schema: dict[str, Any]) -> dict[str, Any]:
    """One kind of union, none of one member; names that are no names are refused."""
    if "oneOf" in schema:
        schema["anyOf"] = schema.pop("oneOf")
    if len(schema.get("anyOf", ())) == 1:
        schema |= schema.pop("anyOf")[0]
    if "patternProperties" in schema:
        schema.setdefault("additionalProperties", False)
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    return schema


def _with_variable(schema: dict[str, Any]) -> dict[str, Any]:
    """Where text is constrained, a variable may stand instead."""
    if not schema.keys() & {"enum", "const", "pattern"} or schema.get("type", "string") != "string":
        return schema
    about: dict[str, Any] = {name: schema.pop(name) for name in ("description", "default") if name in schema}
    return {**about, "anyOf": [schema, VARIABLE]}


def _kept(name: str, value: Any) -> bool:
    """Without pydantic's titles, and without what it says only to forms and to itself."""
    if name in {"title", "writeOnly", "format", "discriminator"}:
        return False
    return not (name == "default" and value is None)
