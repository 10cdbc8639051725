"""A chat completion request as it comes over the wire, and the task that it is to the cascade."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cascade.conversation import last_said
from cascade.types import Task

# Keys of a request's body that are this endpoint's own. All others go to the model as they are: the protocol
# grows, and servers have parameters of their own (`top_k`, `chat_template_kwargs`).
OWN = frozenset(
    {"model", "messages", "tools", "stream", "stream_options", "n", "metadata", "user", "cascade", "store"}
)


class RequestError(Exception):
    """A request that is answered with an error. `code`, `param` are OpenAI's."""

    def __init__(self, status: int, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param


class Message(BaseModel):
    """One message. Only its outline is checked; the rest goes on as it came."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None


class Function(BaseModel):
    """The function of a tool."""

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(min_length=1)]
    parameters: dict[str, Any] | None = None


class Tool(BaseModel):
    """A tool definition."""

    model_config = ConfigDict(extra="allow")

    type: Literal["function"]
    function: Function


class Extension(BaseModel):
    """The key `cascade` of a body: how the answer is checked. Nothing here reads files of this machine."""

    model_config = ConfigDict(extra="forbid")

    validators: tuple[str, ...] | None = None
    target: str | None = None
    files: dict[str, str] = Field(default_factory=dict)
    tests: dict[str, str] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)

    @property
    def names_code(self) -> bool:
        """Whether the answer is to be files, so that every validator has something to look at."""
        return bool(self.target or self.files or self.tests)


class StreamOptions(BaseModel):
    """OpenAI's `stream_options`."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The body of a chat completion. What is not in `OWN` goes to the model."""

    model_config = ConfigDict(extra="ignore")

    model: str
    messages: Annotated[list[dict[str, Any]], Field(min_length=1)]
    tools: list[dict[str, Any]] = Field(default_factory=list)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    metadata: dict[str, Any] | None = None
    user: str | None = None
    cascade: Extension = Extension()
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _parameters(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        passed = {key: value for key, value in body.items() if key not in OWN and value is not None}
        return {**{key: value for key, value in body.items() if value is not None}, "parameters": passed}

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a chunk of usage."""
        return self.stream_options is not None and self.stream_options.include_usage


def parse(body: bytes) -> ChatRequest:
    """Read a body. Raises RequestError (400), naming the first thing that is wrong."""
    request: ChatRequest = _checked(ChatRequest, body, "")
    for number, message in enumerate(request.messages):
        _checked(Message, message, f"messages.{number}.")
    for number, tool in enumerate(request.tools):
        _checked(Tool, tool, f"tools.{number}.")
    return request


def _checked(kind: type[BaseModel], value: bytes | dict[str, Any], place: str) -> Any:
    try:
        return kind.model_validate_json(value) if isinstance(value, bytes) else kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        param = (place + ".".join(map(str, first["loc"]))).strip(".")
        message = f"{param or 'body'}: {first['msg']}"
        raise RequestError(400, message, code="invalid_value", param=param or None) from error


def task_of(request: ChatRequest, *, validators: tuple[str, ...], identity: str | None = None) -> Task:
    """The task that the request is. `validators`: the checks where the request names none and asks for no files."""
    asked = request.cascade
    checks = asked.validators if asked.validators is not None or asked.names_code else validators
    metadata = {**(request.metadata or {}), **asked.metadata}
    if request.user is not None:
        metadata["user"] = request.user
    return Task(
        id=identity or new_id(),
        prompt=last_said(request.messages),
        messages=tuple(request.messages),
        tools=tuple(request.tools),
        parameters=request.parameters,
        files=asked.files,
        tests=asked.tests,
        target=asked.target,
        validators=checks,
        metadata=metadata,
    )


def new_id() -> str:
    """An id for a completion, which is the task's id in the trace."""
    return f"chatcmpl-{uuid.uuid4().hex}"
