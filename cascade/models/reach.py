"""Why a server was not reached, in words: from the exceptions that lie below a client's own."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

_BEFORE_SENDING = ("ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol", "PoolTimeout")


class Reach(NamedTuple):
    """Why it was not reached, and whether nothing can have been sent."""

    why: str
    unsent: bool
    hint: str


def reach_of(error: BaseException) -> Reach:
    """What the exceptions below `error` say."""
    chain = list(_below(error))
    unsent = any(type(each).__name__ in _BEFORE_SENDING for each in chain)
    for each in chain:
        words = _words(each)
        if words is not None:
            return Reach(words[0], unsent, words[1])
    deepest = chain[-1]
    why = f"{type(deepest).__name__}: {deepest}".rstrip(": ")
    if unsent:
        return Reach(f"no connection ({why})", unsent, "check `base_url`, network and proxy")
    return Reach(
        f"hung up before it answered ({why})", unsent, "try again; look at the server's log, and for a proxy"
    )


def _below(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _words(error: BaseException) -> tuple[str, str] | None:
    """Why, and what to do, where an exception of the operating system or of TLS is known."""
    said = str(error).lower()
    number = error.errno if isinstance(error, OSError) else None
    for kinds, numbers, texts, words in _KNOWN:
        if isinstance(error, kinds) or number in numbers or any(text in said for text in texts):
            return words
    if type(error).__name__ == "ProxyError":
        return f"the proxy refused ({error})", "check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY"
    return None


_Known: TypeAlias = tuple[tuple[type[BaseException], ...], tuple[int, ...], tuple[str, ...], tuple[str, str]]
_KNOWN: tuple[_Known, ...] = (
    (
        (socket.gaierror,),
        (),
        ("name or service not known", "getaddrinfo", "temporary failure in name resolution"),
        ("its host name is not known", "check the host in `base_url`, and the network"),
    ),
    (
        (ssl.SSLCertVerificationError,),
        (),
        ("certificate verify failed",),
        ("its certificate is not trusted", "set SSL_CERT_FILE to the authority's file, or check the address"),
    ),
    (
        (ssl.SSLError,),
        (),
        ("[ssl",),
        ("it does not speak TLS as expected", "check whether `base_url` is http:// or https://"),
    ),
    (
        (ConnectionRefusedError,),
        (errno.ECONNREFUSED,),
        ("all connection attempts failed",),
        ("connection refused", "start the server, or check host and port in `base_url`"),
    ),
    (
        (),
        (errno.ENETUNREACH, errno.EHOSTUNREACH),
        (),
        ("no route to its network", "check the network and the proxy"),
    ),
)
