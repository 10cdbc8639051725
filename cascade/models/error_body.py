"""The error that a document holds, wherever a server puts it: its words, its codes, the status that they amount to.

Shapes met: `{"error": {...}}`, `{"error": "text"}`, an `error` in a choice, `{"message", "code"}` without an `error`,
FastAPI's `detail`, Google's list, `errors`, `error_msg`, MiniMax's `base_resp`, plain text, a page of HTML.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cascade.surrogates import well_formed

_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.I)
_BLANKS = re.compile(r"\s+")
_HTML = re.compile(r"\s*<(!doctype|html|head|body|\?xml)", re.I)
_MESSAGES = ("message", "error_msg", "msg", "detail", "status_msg", "error_message", "Message", "title")
_CODES = ("code", "error_code", "status_code", "statusCode", "Code", "http_code", "status", "error_type")
_HOLDERS = ("error", "errors", "base_resp", "detail", "Error", "innererror", "Response")
_LONGEST = 20_000  # characters of an error document that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerError:
    """What a server says of its failure."""

    message: str = ""
    """The server's own words."""
    codes: tuple[str, ...] = ()
    """Whatever stands under `code`, `type`, `status`, ..., in lower case."""
    param: str = ""
    """The parameter that is to blame, where it is named."""
    retry_after_s: float | None = None
    """How long the body asks to wait, in seconds."""

    @property
    def status(self) -> int | None:
        """The HTTP status that a code amounts to by itself."""
        numbers = (int(code) for code in self.codes if code.isascii() and code.isdigit() and len(code) == 3)
        return next((number for number in numbers if 400 <= number <= 599), None)

    @property
    def said(self) -> str:
        """Message, codes and parameter as they are shown."""
        extra = [code for code in self.codes if code not in self.message.lower() and not code.isdigit()]
        extra += [f"param {self.param}"] if self.param and self.param not in self.message else []
        return " ".join(part for part in (self.message, f"({', '.join(extra)})" if extra else "") if part)


def chunk_error(chunk: Mapping[str, Any]) -> ServerError | None:
    """The error within a chunk or a whole body; None if it is an answer's."""
    choices = chunk.get("choices")
    if chunk.get("error"):
        return read_error(chunk)
    if isinstance(choices, list) and choices:
        broken = next(
            (one["error"] for one in choices if isinstance(one, Mapping) and one.get("error")), None
        )
        return read_error(broken) if broken else None
    return read_error(chunk) if _is_failure(chunk) else None


def body_error(body: str) -> ServerError:
    """The error of a response's whole body: JSON of some shape, HTML, or text."""
    try:
        return read_error(json.loads(body))
    except (ValueError, RecursionError):
        return ServerError(message=plain_text(body))


def read_error(document: Any) -> ServerError:
    """All that a document says of an error."""
    found: dict[str, list[str]] = {"message": [], "code": [], "param": []}
    _collect(document, found, depth=0)
    message = next((text for text in found["message"] if text), "")
    raw = _upstream(document)
    if raw and raw not in message:
        message = f"{message}: {raw}" if message else raw
    return ServerError(
        message=plain_text(message) or plain_text(_dumped(document)),
        codes=tuple(dict.fromkeys(code.lower() for code in found["code"] if code)),
        param=next((param for param in found["param"] if param), ""),
        retry_after_s=_delay(document),
    )


def plain_text(text: str) -> str:
    """A text on one line, without HTML."""
    text = text[:_LONGEST]
    if _HTML.match(text):
        text = html.unescape(_TAG.sub(" ", text))
    return well_formed(_BLANKS.sub(" ", text)).strip()


def is_page(text: str) -> bool:
    """Whether a body is HTML."""
    return _HTML.match(text) is not None


def _is_failure(chunk: Mapping[str, Any]) -> bool:
    """Whether an object without choices says that something failed."""
    resp = chunk.get("base_resp")
    if isinstance(resp, Mapping):
        return resp.get("status_code") not in (0, None)
    if chunk.get("object") == "error" or chunk.get("type") == "error" or chunk.get("success") is False:
        return True
    if any(chunk.get(key) for key in ("errors", "error_msg", "error_code", "detail", "Error", "Response")):
        return True
    return isinstance(chunk.get("message") or chunk.get("msg"), str) and "usage" not in chunk


def _collect(value: Any, found: dict[str, list[str]], *, depth: int) -> None:
    if depth > 4:
        return
    if isinstance(value, str):
        _text(value, found, depth)
    elif isinstance(value, list):
        for item in value[:3]:
            _collect(item, found, depth=depth + 1)
    elif isinstance(value, Mapping):
        _object(value, found, depth)


def _text(value: str, found: dict[str, list[str]], depth: int) -> None:
    """A message may itself be the JSON of the error that a server behind this one sent."""
    text = value.strip()
    if text.startswith(("{", "[")) and len(text) < _LONGEST:
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            inner = None
        if inner:
            _collect(inner, found, depth=depth + 1)
    found["message"].append(value)


def _object(value: Mapping[str, Any], found: dict[str, list[str]], depth: int) -> None:
    for key in _HOLDERS:
        if value.get(key):
            _collect(value[key], found, depth=depth + 1)
    for key in _MESSAGES:
        if isinstance(value.get(key), str):
            _text(value[key], found, depth)
        elif isinstance(value.get(key), Mapping | list) and key not in _HOLDERS:
            _collect(value[key], found, depth=depth + 1)
    if isinstance(value.get("msg"), str) and isinstance(value.get("loc"), list):  # FastAPI: where in the body
        found["param"].append(".".join(map(str, value["loc"])))
    found["code"].extend(_codes(value.get(key) for key in (*_CODES, "type")))
    found["param"].extend(_codes([value.get("param")]))


def _codes(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values if isinstance(value, str | int) and not isinstance(value, bool)]


def _upstream(document: Any) -> str:
    """What OpenRouter passes on of the provider behind it."""
    error = document.get("error") if isinstance(document, Mapping) else None
    metadata = error.get("metadata") if isinstance(error, Mapping) else None
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    return raw if isinstance(raw, str) else ""


def _delay(document: Any) -> float | None:
    """Google's RetryInfo."""
    match = re.search(r'"retryDelay":\s*"(\d{1,6}(?:\.\d+)?)s"', _dumped(document))
    return float(match[1]) if match else None


def _dumped(document: Any) -> str:
    try:
        return json.dumps(document, ensure_ascii=False, default=str)[:_LONGEST]
    except (ValueError, RecursionError):
        return ""
