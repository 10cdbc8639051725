"""How an endpoint is offered: under which name, to whom, within which limits."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from cascade.errors import UsageError
from cascade.models.spec import Secret

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """`model` is the name that clients ask for. `key` is what they must show (None: no key is asked).

    validators: the checks for conversations that name none (None: the config's, without those for code files).
    max_body_bytes, max_concurrency: beyond them requests get 413 and 429. keep_alive_s: seconds between
    comments in a stream that has to wait. shutdown_s: how long open requests may go on after the end was asked.
    """

    model: str = "cascade"
    key: Secret | None = None
    validators: tuple[str, ...] | None = None
    host: str = LOOPBACK
    port: int = 8000
    max_body_bytes: int = 16 * 1024 * 1024
    max_concurrency: int = 256
    keep_alive_s: float = 10.0
    shutdown_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse to stand open to a network without a key."""
        if self.key is None and not is_loopback(self.host):
            raise UsageError(
                f"the endpoint would listen on {self.host} without a key, and spend your money for anyone",
                hint="set a key (CASCADE_SERVE_KEY), or listen on 127.0.0.1",
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
