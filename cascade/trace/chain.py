"""A chain over the lines of a trace: each line ends with a digest of itself and of the digest before it.

A line that is dropped, doubled, moved or altered breaks the chain where it happened. A key signs every digest, so
that whoever does not hold the key cannot write a chain anew. What is cut off at the end breaks no chain: that run
has no `run.finished`, which `cascade.trace.verify` notes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cascade.trace.problem import Problem

DIGITS = 32
_LINK = re.compile(
    rb',"chain":"(?P<chain>[0-9a-f]{32})"(?:,"signature":"(?P<signature>[0-9a-f]{32})")?\}[ \t\r\n]*\Z'
)


@dataclass(frozen=True, slots=True)
class Link:
    """A line without its digests, and these (None: the line has none)."""

    body: bytes
    chain: str | None = None
    signature: str | None = None


def split_link(line: bytes) -> Link:
    """Take a line's digests off it; the body is the JSON object that they were computed of."""
    match = _LINK.search(line)
    if match is None:
        return Link(line)
    signature = match["signature"]
    body = line[: match.start()] + b"}"
    return Link(body, match["chain"].decode(), None if signature is None else signature.decode())


def _link_of(line: bytes) -> Link:
    """As `split_link`; digests are also seen where another program wrote the line anew, in its own way."""
    link = split_link(line)
    if link.chain is not None or b'"chain"' not in line:
        return link
    import orjson

    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return link
    chain = document.get("chain") if isinstance(document, dict) else None
    return link if chain is None else Link(line, str(chain))


class Chain:
    """Appends to a chain.

    last: digest of the line before ("" at the start of a file). key: signs each digest with HMAC-SHA256.
    """

    def __init__(self, last: str = "", *, key: bytes | None = None) -> None:
        self.last = last
        self._key = key

    def sealed(self, body: bytes) -> bytes:
        """A line's JSON object with its digests as the last keys."""
        self.last = _digest(self.last, body)
        signed = (
            b"" if self._key is None else b',"signature":"%b"' % _signature(self._key, self.last).encode()
        )
        return b'%b,"chain":"%b"%b}' % (body[:-1], self.last.encode(), signed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainCheck:
    """What was found along a chain."""

    chained: int = 0
    """Lines that carry a digest."""
    signed: int = 0
    """Lines whose signature was checked against the key and is right."""
    problems: tuple[Problem, ...] = ()
    """One for each place where the chain breaks."""
    promise: str = ""
    """Which promise was checked, in words."""


@dataclass(slots=True)
class _Walk:
    """One pass along a chain."""

    key: bytes | None
    last: str | None = None
    chained: int = 0
    bare: int = 0
    signed: int = 0
    places: dict[str, int] = field(default_factory=dict)

    def step(self, number: int, link: Link) -> Iterator[str]:
        if link.chain is None:
            self.bare += 1
            if self.chained:
                yield "the line carries no digest, the lines before it do: it was added or altered by another program"
            return
        self.chained += 1
        if link.chain in self.places:
            yield f"the line stands in line {self.places[link.chain]} already: it was copied"
        elif link.chain != _digest(self.last or "", link.body):
            yield (
                "the line does not follow from the one before: it was altered, or lines before it were dropped, "
                "added or moved"
            )
        self.places.setdefault(link.chain, number)
        self.last = link.chain
        yield from self._check_signature(link)

    def _check_signature(self, link: Link) -> Iterator[str]:
        if self.key is None or link.chain is None:
            return
        if link.signature is None:
            yield "the line is not signed"
        elif not hmac.compare_digest(link.signature, _signature(self.key, link.chain)):
            yield "the line is not signed with this key"
        else:
            self.signed += 1


def check_chain(lines: Iterable[tuple[int, bytes]], *, key: bytes | None = None) -> ChainCheck:
    """Follow the chain along the lines of a trace, (number, bytes) each; blank lines do not count.

    key: checks the signatures too; a line without one is a problem then. Traces of versions before the chain have no
    digests: nothing is wrong with them, and `promise` says so.
    """
    walk = _Walk(key)
    problems = [
        Problem(line=number, message=message)
        for number, line in lines
        if line.strip()
        for message in walk.step(number, _link_of(line))
    ]
    if key is not None and not walk.chained:
        problems.append(Problem(line=0, message="no line carries a digest: there is no signature to check"))
    return ChainCheck(
        chained=walk.chained, signed=walk.signed, problems=tuple(problems), promise=_promise(walk, problems)
    )


def _promise(walk: _Walk, problems: list[Problem]) -> str:
    if not walk.chained:
        return "no chain: an older version wrote this trace, so only its values, pairs and sums were checked"
    if problems:
        return "the chain is broken"
    rest = f"; {walk.bare} lines of an older version before it carry no digest" if walk.bare else ""
    if walk.key is None:
        whole = "no line was dropped, doubled, moved or altered since it was written"
        return f"{whole} ({walk.chained} chained lines){rest}"
    signed = "every line was written by somebody who holds the key, and none was dropped, doubled or moved"
    return f"{signed} ({walk.signed} lines){rest}"


def _digest(last: str, body: bytes) -> str:
    return hashlib.sha256(last.encode() + b"\n" + body).hexdigest()[:DIGITS]


def _signature(key: bytes, chain: str) -> str:
    return hmac.new(key, chain.encode(), hashlib.sha256).hexdigest()[:DIGITS]
