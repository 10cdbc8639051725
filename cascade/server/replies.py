"""Responses of the endpoint, whatever texts are in them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse

from cascade.codec import dump_json

_KEPT = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


class JsonReply(JSONResponse):
    """JSON that can always be sent: half surrogates in a text are replaced."""

    def render(self, content: Any) -> bytes:
        """The body's bytes."""
        return dump_json(content)


def header_value(text: str) -> str:
    """A text as a header may hold it: printable ASCII, everything else percent-encoded as UTF-8."""
    return quote(text.encode("utf-8", "replace"), safe=_KEPT).strip()
