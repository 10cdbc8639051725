"""One change of form each: the request as it is, in words that a stricter server takes. Nothing is changed in place.

A request is the body's keys in one mapping: `messages`, `tools`, `tool_choice`, `response_format`, `max_tokens`, ...
"""

from __future__ import annotations

import hashlib
import json
import string
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cascade.models.thoughts_back import with_thoughts

Request: TypeAlias = Mapping[str, Any]
Form: TypeAlias = Callable[[Request], Request]

_ALPHABET = string.ascii_letters + string.digits
_THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details")


def developer_as_system(request: Request) -> Request:
    """Role `developer` is OpenAI's later name of `system`."""
    return _each_message(
        request, lambda row: {**row, "role": "system"} if row.get("role") == "developer" else row
    )


def text_as_string(request: Request) -> Request:
    """A content of text parts only as one string. Parts of other kinds stay: they cannot be said in text."""
    return _each_message(request, _joined)


def _joined(row: Mapping[str, Any]) -> Mapping[str, Any]:
    parts = row.get("content")
    if not isinstance(parts, list | tuple):
        return row
    texts = [_text_of(part) for part in parts]
    if any(text is None for text in texts):
        return row
    return {**row, "content": "\n".join(text for text in texts if text is not None)}


def _text_of(part: object) -> str | None:
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, Mapping) and part.get("type") == "text" else None
    return text if isinstance(text, str) else None


def json_mode(request: Request) -> Request:
    """A JSON schema as JSON mode, the schema in the prompt. Whether the answer is of that shape is checked here."""
    wanted = request.get("response_format")
    if not isinstance(wanted, Mapping) or wanted.get("type") != "json_schema":
        return request
    return _instructed({**request, "response_format": {"type": "json_object"}}, _json_words(wanted))


def no_response_format(request: Request) -> Request:
    """No JSON mode at all: the demand goes into the prompt."""
    wanted = request.get("response_format")
    if not isinstance(wanted, Mapping):
        return request
    plain = {key: value for key, value in request.items() if key != "response_format"}
    asks = str(wanted.get("type", "")).startswith("json")
    return _instructed(plain, _json_words(wanted)) if asks else plain


def _json_words(wanted: Mapping[str, Any]) -> str:
    named = wanted.get("json_schema")
    schema = named.get("schema") if isinstance(named, Mapping) else None
    words = "Answer with one JSON document and nothing else"
    if schema is None:
        return f"{words}."
    return f"{words}. It must be valid by this JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"


def free_tool_choice(request: Request) -> Request:
    """A tool that must be called as an instruction. Whether it was called is checked here."""
    choice = request.get("tool_choice")
    if choice in (None, "auto", "none"):
        return request
    function = choice.get("function") if isinstance(choice, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    words = f"Call the tool `{name}`" if name else "Call at least one of the tools"
    return _reminded({**request, "tool_choice": "auto"}, f"{words}; do not answer in text.")


def max_completion_tokens(request: Request) -> Request:
    """OpenAI's later name of `max_tokens`."""
    return _renamed(request, "max_tokens", "max_completion_tokens")


def max_tokens(request: Request) -> Request:
    """The name that servers other than OpenAI's know."""
    return _renamed(request, "max_completion_tokens", "max_tokens")


def random_seed(request: Request) -> Request:
    """Mistral's name of `seed`."""
    return _renamed(request, "seed", "random_seed")


def no_thoughts(request: Request) -> Request:
    """Answers of before without their thoughts, for servers that refuse keys which they do not know."""
    return _each_message(
        request,
        lambda row: (
            {key: value for key, value in row.items() if key not in _THOUGHTS}
            if any(key in row for key in _THOUGHTS)
            else row
        ),
    )


def thoughts_back(request: Request) -> Request:
    """Tool calls of before with the thoughts that led to them, for servers that refuse calls without any."""
    before = request.get("messages", ())
    after = with_thoughts(before)
    same = all(new is old for new, old in zip(after, before, strict=True))
    return request if same else {**request, "messages": after}


def short_tool_ids(request: Request) -> Request:
    """Ids of tool calls of nine letters and digits, as Mistral wants them; the same id for the same call."""
    return _each_message(request, _with_short_ids)


def _with_short_ids(row: Mapping[str, Any]) -> Mapping[str, Any]:
    changed = dict(row)
    if isinstance(row.get("tool_call_id"), str):
        changed["tool_call_id"] = _short(row["tool_call_id"])
    calls = row.get("tool_calls")
    if isinstance(calls, list | tuple):
        changed["tool_calls"] = [
            {**call, "id": _short(call["id"])}
            if isinstance(call, Mapping) and isinstance(call.get("id"), str)
            else call
            for call in calls
        ]
    return row if changed == row else changed


def _short(identity: str) -> str:
    if len(identity) == 9 and all(character in _ALPHABET for character in identity):
        return identity
    digest = hashlib.sha256(identity.encode("utf-8", "replace")).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:9])


def without(key: str) -> Form:
    """The request without a key."""

    def dropped(request: Request) -> Request:
        return {name: value for name, value in request.items() if name != key} if key in request else request

    return dropped


def _renamed(request: Request, old: str, new: str) -> Request:
    if old not in request:
        return request
    return {(new if key == old else key): value for key, value in request.items() if key != new}


def _each_message(request: Request, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Request:
    before = request.get("messages", ())
    messages = [change(row) for row in before]
    same = all(new is old for new, old in zip(messages, before, strict=True))
    return request if same else {**request, "messages": messages}


def _instructed(request: Request, words: str) -> Request:
    """The words in the first system message, where they are a part of the stable prefix."""
    messages = list(request.get("messages", ()))
    first: Mapping[str, Any] = messages[0] if messages else {}
    if first.get("role") == "system" and isinstance(first.get("content"), str):
        return {
            **request,
            "messages": [{**first, "content": f"{first['content']}\n\n{words}"}, *messages[1:]],
        }
    return {**request, "messages": [{"role": "system", "content": words}, *messages]}


def _reminded(request: Request, words: str) -> Request:
    """The words at the end, in the user's last message if that is the last."""
    messages = list(request.get("messages", ()))
    last: Mapping[str, Any] = messages[-1] if messages else {}
    if last.get("role") == "user" and isinstance(last.get("content"), str):
        return {**request, "messages": [*messages[:-1], {**last, "content": f"{last['content']}\n\n{words}"}]}
    return {**request, "messages": [*messages, {"role": "user", "content": words}]}
