"""What there is to be reached outside, and whether it was."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType

VICTIM = "untouched"
# In the environment of the host before the sandbox is opened.
SECRET = "the-hosts-secret-58f3a1"


class Arena:
    """A secret file and variable, a victim file, a decoy process, and listeners of every kind."""

    def __init__(self, root: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="arena-")
        self.outside = Path(self._folder.name)
        self.secret = SECRET
        (self.outside / "secret").write_text(self.secret)
        self.victim = self.outside / "victim"
        self.victim.write_text(VICTIM)
        self.state = self._state()
        self._decoy = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        self.reached: list[str] = []
        self._sockets: list[socket.socket] = []
        self.host = {
            "secret_file": str(self.outside / "secret"),
            "secret": self.secret,
            "outside": str(self.outside),
            "victim": str(self.victim),
            "home": str(Path.home()),
            "root": str(root),
            "pid": os.getpid(),
            "decoy": self._decoy.pid,
            "tcp4": self._listen("tcp4", socket.AF_INET, ("127.0.0.1", 0)),
            "tcp6": self._listen("tcp6", socket.AF_INET6, ("::1", 0)) if socket.has_ipv6 else 9,
            "udp": self._listen("udp", socket.AF_INET, ("127.0.0.1", 0), datagram=True),
            "unix": self._listen("unix", socket.AF_UNIX, str(self.outside / "s")),
            "unix_datagram": self._listen(
                "unix_datagram", socket.AF_UNIX, str(self.outside / "d"), datagram=True
            ),
            "abstract": self._listen("abstract", socket.AF_UNIX, f"\0arena-{secrets.token_hex(8)}"),
        }

    def _listen(
        self, name: str, family: socket.AddressFamily, address: object, *, datagram: bool = False
    ) -> int | str:
        listener = socket.socket(family, socket.SOCK_DGRAM if datagram else socket.SOCK_STREAM)
        listener.bind(address)  # type: ignore[arg-type]
        if not datagram:
            listener.listen()
        self._sockets.append(listener)
        threading.Thread(target=self._wait, args=(name, listener, datagram), daemon=True).start()
        bound = listener.getsockname()
        if isinstance(bound, bytes):
            return bound.decode()
        return str(bound) if isinstance(bound, str) else int(bound[1])

    def _wait(self, name: str, listener: socket.socket, datagram: bool) -> None:
        try:
            if datagram:
                listener.recv(1)
            else:
                listener.accept()[0].close()
        except OSError:
            return
        self.reached.append(name)

    def _state(self) -> tuple[object, ...]:
        info = self.victim.stat()
        listing = sorted(path.name for path in self.outside.iterdir() if path.name not in {"s", "d"})
        return (self.victim.read_text(), info.st_mode, info.st_uid, info.st_mtime_ns, listing)

    def damage(self) -> list[str]:
        """What an attack left its mark on."""
        found = list(self.reached)
        if not self.victim.exists() or self._state() != self.state:
            found.append("the victim")
        if self._decoy.poll() is not None:
            found.append("the decoy")
        found += [
            place for place in ("/tmp/cascade-escaped", "/dev/shm/cascade-escaped") if Path(place).exists()
        ]
        return found

    def __enter__(self) -> Arena:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._sockets:
            one.shutdown(socket.SHUT_RDWR) if one.type == socket.SOCK_STREAM else None
            one.close()
        self._decoy.kill()
        self._decoy.wait()
        self._folder.cleanup()
