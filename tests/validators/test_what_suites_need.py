"""What a repository's tests need and the sandbox can give safely, it gives; nothing of it stays."""

from __future__ import annotations

import os

import pytest

from cascade.validators.pytest import Pytest
from cascade.validators.sandbox import Sandbox, opening
from tests.validators.conftest import verdict

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="a plain user's files are the host's too")
GIVEN = {
    "access to its own files": (
        "    path = tmp_path / 'f'\n    path.write_text('x')\n"
        "    assert os.access(path, os.R_OK) and os.access(path, os.W_OK) and not os.access(path, os.X_OK)\n"
        "    assert os.access(tmp_path, os.W_OK | os.X_OK) and os.access('.', os.W_OK)\n"
        "    assert os.access(sys.executable, os.X_OK)\n"
    ),
    "modes and times of its own files": (
        "    path = tmp_path / 'f'\n    path.write_text('x')\n    path.chmod(0o640)\n    os.utime(path, (1, 2))\n"
        "    assert path.stat().st_mode & 0o777 == 0o640 and path.stat().st_mtime == 2\n"
        "    path.chmod(0o400)\n    assert not os.access(path, os.W_OK)\n    os.chown(path, -1, -1)\n"
    ),
    "programs with their environment": (
        "    env = {**os.environ, 'LD_LIBRARY_PATH': '/x', 'TMPDIR': str(tmp_path)}\n"
        "    code = 'import os, tempfile; print(os.environ[\"LD_LIBRARY_PATH\"], tempfile.mkdtemp())'\n"
        "    said = subprocess.check_output([sys.executable, '-c', code], env=env, text=True)\n"
        "    assert said.startswith(f'/x {tmp_path}')\n"
    ),
    "multiprocessing": (
        "    import multiprocessing\n    with multiprocessing.Pool(2) as pool:\n"
        "        assert pool.map(abs, [-1, 2]) == [1, 2]\n    queue = multiprocessing.Queue()\n    queue.put(1)\n"
        "    assert queue.get() == 1\n"
    ),
    "shared memory": (
        "    from multiprocessing.shared_memory import SharedMemory\n    made = SharedMemory(create=True, size=9)\n"
        "    made.buf[0] = 7\n    other = SharedMemory(made.name)\n    assert other.buf[0] == 7\n    other.close()\n"
        "    made.close()\n    made.unlink()\n"
    ),
    "a local server": (
        "    from http.server import BaseHTTPRequestHandler, HTTPServer\n    import threading, urllib.request\n"
        "    server = HTTPServer(('localhost', 0), BaseHTTPRequestHandler)\n"
        "    threading.Thread(target=server.handle_request).start()\n"
        "    try:\n        urllib.request.urlopen(f'http://127.0.0.1:{server.server_port}/')\n"
        "    except urllib.request.HTTPError as error:\n        assert error.code == 501\n    server.server_close()\n"
    ),
}  # fmt: skip


@AS_ROOT
@pytest.mark.parametrize("need", GIVEN)
async def test_it_is_given(layer: Sandbox, need: str) -> None:
    tests = {"test_it.py": f"import os, subprocess, sys\n\n\ndef test_it(tmp_path):\n{GIVEN[need]}"}
    result = await verdict(Pytest(layer), files={"solution.py": "x = 1\n"}, tests=tests)
    assert result.status == "passed", result


@AS_ROOT
async def test_nothing_stays_in_shared_memory(layer: Sandbox) -> None:
    left = "open('/dev/shm/left', 'w').write('x')\nos.makedirs('/dev/shm/d/e')\nos.chmod('/dev/shm/d', 0)\n"
    tests = {"test_it.py": "import solution\n\n\ndef test_it():\n    assert solution.found == []\n"}
    answer = {"solution.py": f"import os\nfound = os.listdir('/dev/shm')\n{left}"}
    for _ in range(2):
        result = await verdict(Pytest(layer), files=answer, tests=tests)
        assert result.status == "passed", result


REFUSED = {
    "a change of modes": (
        "    path = tmp_path / 'f'\n    path.write_text('x')\n    path.chmod(0o640)\n"
        "    assert path.stat().st_mode & 0o777 == 0o640\n"
    ),
    "multiprocessing": "    import multiprocessing\n    multiprocessing.Lock()\n",
    "socket": "    import socket\n    socket.create_server(('127.0.0.1', 0))\n",
}


async def test_what_is_refused_is_named_and_no_fault_of_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a plain user without bubblewrap, whose files cannot be told from the answer's."""
    monkeypatch.setattr(opening, "uids_of_this_process", lambda _: {"uid": None, "owner": None})
    sandbox = opening.open_sandbox("landlock")
    try:
        for need, body in REFUSED.items():
            tests = {"test_it.py": f"import solution\n\n\ndef test_it(tmp_path):\n{body}"}
            result = await verdict(Pytest(sandbox), files={"solution.py": "x = 1\n"}, tests=tests)
            assert result.status == "unchecked", result
            assert f"what the sandbox refuses: {need}" in (result.reports[0].detail or "")
        wrong = {"test_it.py": "import solution\n\n\ndef test_it():\n    open('/etc/passwd', 'w')\n"}
        failed = await verdict(Pytest(sandbox), files={"solution.py": "x = 1\n"}, tests=wrong)
        assert failed.status == "failed"
    finally:
        sandbox.close()
