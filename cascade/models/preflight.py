"""What is wrong with a key, an address or a proxy before anything is sent: said when it is declared."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from importlib.util import find_spec
from urllib.parse import urlsplit
from urllib.request import getproxies

from cascade.errors import ConfigError
from cascade.models.spec import EndpointSpec

_SOCKS = ("socks5", "socks5h")
_SCHEMES = ("http", "https", *_SOCKS)
_NAMES: Mapping[str, str] = {"\n": "a line end", "\r": "a line end", "\t": "a tab", " ": "a space"}


def check_endpoint(spec: EndpointSpec) -> None:
    """Raises ConfigError for a key, header or address that no request can be sent with. Shows no secret."""
    _check(spec, "API key", header_fault(spec.api_key.reveal(), spaces=False), "copy the key again, alone")
    for name, value in spec.headers.items():
        _check(spec, f"header {name!r}", header_fault(value), "headers are plain ASCII of one line")
    _check(spec, "base_url", address_fault(spec.base_url), "write it as the provider documents it")


def _check(spec: EndpointSpec, what: str, fault: str | None, hint: str) -> None:
    if fault is not None:
        raise ConfigError(f"{spec.name}: the {what} {fault}", hint=hint)


def header_fault(value: str, *, spaces: bool = True) -> str | None:
    """Why a text cannot be sent in a header, without showing it; None if it can."""
    for place, character in enumerate(value, start=1):
        if character == " " and spaces and 1 < place < len(value):
            continue
        if not "!" <= character <= "~":
            known = _NAMES.get(character) or unicodedata.name(character, "a control character").lower()
            return f"has {known} (U+{ord(character):04X}) as character {place} of {len(value)}"
    return None


def address_fault(url: str) -> str | None:
    """Why a URL cannot be called; None if it can."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"is no address: {error}"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "is no address of http:// or https:// with a host"
    return "has the port 0" if port == 0 else None


def check_proxies(proxies: Mapping[str, str] | None = None) -> None:
    """Raises ConfigError if the environment names a proxy that cannot be used.

    proxies: by scheme, as `urllib.request.getproxies` has them (None: the environment's).
    """
    for scheme, url in sorted((getproxies() if proxies is None else proxies).items()):
        fault = proxy_fault(url) if scheme in ("http", "https", "all") else None
        if fault is not None:
            what, hint = fault
            raise ConfigError(f"the proxy in {scheme.upper()}_PROXY {what}", hint=hint)


def proxy_fault(url: str) -> tuple[str, str] | None:
    """What is wrong with a proxy, and what to do; None if it can be used. Its password is not shown."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        shown = f"{parts.scheme}://{parts.hostname or ''}" + (f":{parts.port}" if parts.port else "")
    except ValueError as error:
        return f"is no address: {error}", "write http://host:port, or unset the variable"
    if not parts.hostname:
        return f"({shown}) has no host", "write http://host:port, or unset the variable"
    if parts.scheme not in _SCHEMES:
        instead = "socks5" if parts.scheme.startswith("socks") else "http"
        return (
            f"({shown}) is of a kind that is not known: {parts.scheme}",
            f"write {instead}://{parts.netloc.rpartition('@')[2]}, or unset the variable",
        )
    if parts.scheme in _SOCKS and find_spec("socksio") is None:
        return (
            f"({shown}) speaks SOCKS, and the package `socksio`, which that needs, is not installed",
            "pip install socksio; or name an http:// proxy; or unset the variable",
        )
    return None
