"""Where requests go: a `base_url` as people write it, split into what the client wants."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit, urlunsplit

_ENDPOINT = "/chat/completions"


def client_url(base_url: str) -> tuple[str, dict[str, str]]:
    """The address without its query, and the query, which every request must carry (Azure's `api-version`).

    The path of the endpoint itself, which people copy along, is taken off.
    """
    parts = urlsplit(base_url)
    path = parts.path.rstrip("/").removesuffix(_ENDPOINT)
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")), dict(parse_qsl(parts.query))


def beta_url(base_url: str) -> str:
    """DeepSeek's beta address beside this one (api-docs.deepseek.com/guides/chat_prefix_completion)."""
    url = client_url(base_url)[0]
    return url if url.endswith("/beta") else url.removesuffix("/v1") + "/beta"


def host_of(base_url: str) -> str:
    """The host's name in lower case; empty if there is none."""
    try:
        return (urlsplit(base_url).hostname or "").lower()
    except ValueError:
        return ""
