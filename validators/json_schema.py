"""`json_schema` and `model`: the answer is JSON of a declared shape."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from cascade.errors import ConfigError
from cascade.types import Diagnostic, Report
from cascade.validators.options import Options, status_of
from cascade.validators.workspace import Workspace

FENCE = re.compile(r"^```(?:json)?[ \t]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
MAX_FAULTS = 20
MAX_VALUE = 120
MAX_TEXT = 4 << 20
# From a document to the place and the message of each fault.
Check: TypeAlias = Callable[[object], Iterable[tuple[str, str]]]


class SchemaOptions(Options):
    """`schema` is a JSON Schema or the path of one; `path` the file to check (default: the answer's text)."""

    name: str = "json_schema"
    shape: Mapping[str, Any] | str = Field(alias="schema")
    path: str | None = None


class ModelOptions(Options):
    """`model` is `module:Class`, a pydantic model or any type that pydantic knows."""

    name: str = "model"
    model: str
    path: str | None = None

    @model_validator(mode="after")
    def _has_colon(self) -> ModelOptions:
        if ":" not in self.model:
            raise ValueError("write it as module:Class")
        return self


class JsonSchema:
    """Checks against JSON Schema (draft by `$schema`, else 2020-12); needs the package `jsonschema`."""

    stage = 0

    def __init__(self, options: SchemaOptions) -> None:
        self.name = options.name
        self._path = options.path
        self._check = schema_validator(options.shape)

    async def check(self, workspace: Workspace) -> Report:
        """failed with the place of each fault in the document."""
        return _report(self.name, self._path, workspace, self._check)


class Model:
    """Checks against a pydantic model."""

    stage = 0

    def __init__(self, options: ModelOptions) -> None:
        self.name = options.name
        self._path = options.path
        self._adapter = _adapter(options.model)

    async def check(self, workspace: Workspace) -> Report:
        """failed with the place of each fault in the document."""
        return _report(self.name, self._path, workspace, self._faults)

    def _faults(self, document: object) -> Iterable[tuple[str, str]]:
        try:
            self._adapter.validate_json(json.dumps(document))
        except ValidationError as error:
            return [(pointer(fault["loc"]), fault["msg"]) for fault in error.errors(include_url=False)]
        return []


def read_document(text: str) -> object:
    """The JSON in an answer: all of it, or its only fenced block.

    Raises:
        ValueError: there is none, or it is broken; a `json.JSONDecodeError` carries the place.
    """
    if len(text) > MAX_TEXT:
        raise ValueError("the answer is too long to be read as JSON")
    blocks = FENCE.findall(text)
    try:
        return json.loads(blocks[0] if len(blocks) == 1 else text, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def pointer(parts: Iterable[str | int]) -> str:
    """A place in a document as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _report(name: str, path: str | None, workspace: Workspace, check: Check) -> Report:
    text = workspace.candidate.text if path is None else workspace.read(path)
    if text is None:
        found = [Diagnostic(message=f"there is no file {path!r}", code="missing", path=path)]
        return Report(name=name, status="failed", diagnostics=tuple(found))
    try:
        document = read_document(text)
    except json.JSONDecodeError as error:
        fault = Diagnostic(
            message=f"no JSON: {error.msg}", code="json", path=path, line=error.lineno, column=error.colno
        )
        return Report(name=name, status="failed", diagnostics=(fault,))
    except ValueError as error:
        return Report(
            name=name, status="failed", diagnostics=(Diagnostic(message=f"no JSON: {error}", code="json"),)
        )
    found = [
        Diagnostic(message=f"{place or '/'}: {message}", code="shape", path=path)
        for place, message in list(check(document))[:MAX_FAULTS]
    ]
    return Report(name=name, status=status_of(found), diagnostics=tuple(found))


def schema_validator(shape: Mapping[str, Any] | str) -> Check:
    """What finds the faults of a document by this schema. Raises ConfigError if the schema is wrong."""
    try:
        import jsonschema
        import referencing.exceptions
    except ImportError as error:
        raise ConfigError("json_schema needs a package: jsonschema", hint="pip install jsonschema") from error
    schema = _load(shape) if isinstance(shape, str) else dict(shape)
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ConfigError(
            f"json_schema: the schema itself is wrong: {error.message}", hint="mend the schema"
        ) from error
    # An empty registry: a schema may come with a request, and must not make us fetch addresses.
    validator = kind(schema, registry=referencing.Registry())

    def faults(document: Any) -> Iterable[tuple[str, str]]:
        try:
            errors = list(validator.iter_errors(document))
        except referencing.exceptions.Unresolvable as lost:
            raise ConfigError(
                f"json_schema: the schema refers to {lost.ref!r}, which is not in it",
                hint="write the schema out, with its definitions under `$defs`",
            ) from lost
        for error in errors:
            message = (
                error.message
                if len(error.message) <= 3 * MAX_VALUE
                else f"{error.message[: 3 * MAX_VALUE]} ..."
            )
            yield pointer(error.absolute_path), message

    return faults


def _load(path: str) -> dict[str, Any]:
    try:
        schema = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"json_schema: {path!r} cannot be read: {error}", hint="give a JSON file"
        ) from error
    if not isinstance(schema, dict):
        raise ConfigError(f"json_schema: {path!r} is no JSON object", hint="give a JSON Schema")
    return schema


def _adapter(name: str) -> TypeAdapter[Any]:
    module, _, attribute = name.partition(":")
    try:
        return TypeAdapter(getattr(importlib.import_module(module), attribute))
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"model: {name!r} cannot be found: {error}", hint="write module:Class") from error
