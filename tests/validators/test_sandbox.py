"""Runs end, are bounded, see nothing of the host's, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from cascade.errors import SandboxError
from cascade.types import Candidate, Task
from cascade.validators.inside import landlock, seccomp
from cascade.validators.pytest import Pytest
from cascade.validators.sandbox import Limits, Room, Sandbox, open_sandbox, opening
from cascade.validators.suite import Suite
from tests.validators.conftest import verdict
from tests.waiting import HANGS_S, NEVER_S, until, until_sync

RIGHT = {"solution.py": "def double(x):\n    return 2 * x\n"}
TESTS = {"test_solution.py": "from solution import double\ndef test(): assert double(2) == 4\n"}


# Seconds that no other program sleeps, not even this one on the same machine.
MARK = f"97531.{os.getpid()}"


def children() -> set[int]:
    """This process's children."""
    return {
        int(child)
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    }


async def test_a_program_runs_in_a_fresh_folder_with_a_small_environment(layer: Sandbox) -> None:
    os.environ["MY_API_KEY"] = "sk-very-secret"
    done = await layer.run(["/bin/sh", "-c", "env; pwd; echo here > x; ls; cat"], stdin=b"input")
    assert done.ended == "exit"
    assert done.returncode == 0
    assert b"sk-very-secret" not in done.stdout
    assert done.stdout.endswith(b"x\ninput")
    assert str(layer.root).encode() in done.stdout
    assert not list(layer.root.glob("run-*"))


async def test_exit_code_and_streams_are_kept_apart(layer: Sandbox) -> None:
    done = await layer.run(["/bin/sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")


async def test_without_stdin_there_is_nothing_to_read(sandbox: Sandbox) -> None:
    assert (await sandbox.run(["/bin/cat"])).stdout == b""


async def test_time_is_bounded_and_all_descendants_end(sandbox: Sandbox) -> None:
    script = f"(trap '' TERM HUP; sleep {MARK}) & (sleep {MARK} &) ; sleep {MARK}"
    done = await sandbox.run(["/bin/sh", "-c", script], timeout_s=0.3)
    assert done.timed_out
    assert done.ended == "timeout"
    assert not running(MARK)


def running(word: str) -> list[bytes]:
    """Command lines with this word; a process that ends meanwhile has none."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append(path.read_bytes())
    return [line for line in lines if word.encode() in line]


async def test_output_is_bounded_and_said_to_be_cut(sandbox: Sandbox) -> None:
    done = await sandbox.run(["/bin/sh", "-c", "head -c 5000000 /dev/zero"])
    assert done.truncated
    assert len(done.stdout) == 1 << 20
    assert done.returncode == 0


async def test_a_killed_program_says_by_which_signal(sandbox: Sandbox) -> None:
    done = await sandbox.run(["/bin/sh", "-c", "kill -11 $$"])
    assert (done.ended, done.returncode) == ("signal", -11)


async def test_a_program_that_is_not_there_is_no_crash(sandbox: Sandbox) -> None:
    done = await sandbox.run(["/nowhere/at/all"])
    assert done.returncode == 125
    assert b"FileNotFoundError" in done.stderr or b"PermissionError" in done.stderr


@pytest.mark.parametrize(
    ("script", "limits", "ended"),
    [
        (
            "b = bytearray(400_000_000); import time; time.sleep(600)",
            Limits(memory_mb=200, wall_s=HANGS_S),
            "memory",
        ),
        (
            "import os, time\nfor i in range(40):\n  open(f'f{i}', 'wb').write(b'x' * 1_000_000)\ntime.sleep(600)",
            Limits(disk_mb=20, wall_s=HANGS_S),
            "disk",
        ),
        (
            "import os, time\nfor _ in range(30):\n  if os.fork() == 0: break\ntime.sleep(600)",
            Limits(processes=20, wall_s=HANGS_S),
            "processes",
        ),
    ],
)
async def test_memory_disk_and_processes_are_bounded_together(
    sandbox: Sandbox, script: str, limits: Limits, ended: str
) -> None:
    place = sandbox.root / f"limited-{ended}"
    place.mkdir()
    if sandbox.owner is not None:
        os.chown(place, sandbox.owner, sandbox.owner)
        place.chmod(0o770)
    done = await sandbox.execute(
        [sys.executable, "-c", script], Room(cwd=place, writable=(place,), limits=limits)
    )
    shutil.rmtree(place)
    # Where the candidate has a uid of its own, the kernel refuses the fork before the watch has to act.
    assert done.ended == ended or (ended == "processes" and b"BlockingIOError" in done.stderr)


async def test_a_file_cannot_outgrow_its_limit(sandbox: Sandbox) -> None:
    done = await sandbox.run(["/bin/sh", "-c", "head -c 200000000 /dev/zero > f; wc -c < f"])
    assert int(done.stdout.split()[-1]) <= sandbox.limits.file_mb << 20


async def test_runs_at_once_do_not_mix(sandbox: Sandbox) -> None:
    runs = [sandbox.run(["/bin/sh", "-c", f"echo {number}; sleep 0.0{number}"]) for number in range(9)]
    assert [int(done.stdout) for done in await asyncio.gather(*runs)] == list(range(9))


async def test_cancelling_ends_what_runs(sandbox: Sandbox) -> None:
    task = asyncio.create_task(sandbox.run(["/bin/sleep", MARK], timeout_s=NEVER_S))
    await until(lambda: running(MARK), what="the program")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not running(MARK)
    assert (await sandbox.run(["/bin/echo", "still here"])).stdout == b"still here\n"


async def test_a_server_that_dies_is_replaced() -> None:
    own = open_sandbox("landlock")
    try:
        before = children()
        await own.run(["/bin/true"])
        for child in children() - before or children():
            name = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"inside" in name and str(own.root).encode() in name:
                os.kill(child, signal.SIGKILL)
        done = await own.run(["/bin/echo", "again"])
        assert done.stdout == b"again\n"
    finally:
        own.close()


def test_closing_leaves_no_process_and_no_file() -> None:
    before = children()
    own = open_sandbox("landlock")
    root = own.root
    asyncio.run(own.run(["/bin/true"]))
    assert root.exists()
    own.close()
    own.close()
    assert not root.exists()
    assert children() <= before


def test_it_serves_one_event_loop_after_another(sandbox: Sandbox) -> None:
    for _ in range(2):
        assert asyncio.run(sandbox.run(["/bin/echo", "hi"])).stdout == b"hi\n"


def test_the_layers_are_named_for_the_trace(layer: Sandbox) -> None:
    assert layer.layers[0] == "limits"
    assert f"landlock:{landlock.abi()}" in layer.layers
    assert "seccomp" in layer.layers
    assert layer.isolates


class TestFailingClosed:
    """Where nothing isolates, nothing that a model wrote is executed."""

    @pytest.fixture
    def bare(self, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
        monkeypatch.setattr(opening, "find_bwrap", lambda: None)
        monkeypatch.setattr(landlock, "abi", lambda: 0)
        sandbox = open_sandbox("auto")
        assert not sandbox.isolates
        return sandbox

    async def test_tests_are_unchecked_and_say_why(self, bare: Sandbox) -> None:
        result = await verdict(Pytest(bare), files=RIGHT, tests=TESTS)
        bare.close()
        assert result.status == "unchecked"
        assert "not executed" in (result.reports[0].detail or "")
        assert "Landlock" in (result.reports[0].detail or "")

    async def test_static_checks_still_run(self, bare: Sandbox) -> None:
        from cascade.validators.ruff import Ruff
        from cascade.validators.syntax import Syntax

        result = await verdict(Syntax(bare), Ruff(bare), files=RIGHT)
        bare.close()
        assert result.status == "passed"

    def test_requiring_isolation_raises(self, bare: Sandbox) -> None:
        with pytest.raises(SandboxError, match="not executed"):
            bare.require_isolation()
        bare.close()

    def test_a_layer_that_was_named_and_does_not_hold_is_an_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(opening, "find_bwrap", lambda: None)
        with pytest.raises(SandboxError, match="bubblewrap"):
            open_sandbox("bwrap")

    def test_a_probe_that_gets_through_is_believed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = opening._policy
        monkeypatch.setattr(opening, "_policy", lambda: {**real(), "landlock": False})
        with pytest.raises(SandboxError, match=r"did not stop: .*read"):
            open_sandbox("landlock")

    async def test_none_executes_because_it_was_said(self) -> None:
        trusted = open_sandbox("none")
        result = await verdict(Pytest(trusted), files=RIGHT, tests=TESTS)
        trusted.close()
        assert result.status == "passed"
        assert trusted.layers == ("limits",)
        assert not trusted.isolates


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed here")
async def test_bubblewrap_alone_holds_where_the_kernel_has_no_landlock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    alone = open_sandbox("auto")
    try:
        assert alone.layers[1:3] == ("bwrap", "seccomp")
        assert alone.isolates
        for files, status in ((RIGHT, "passed"), ({"solution.py": "def double(x): return 5\n"}, "failed")):
            assert (await verdict(Pytest(alone), files=files, tests=TESTS)).status == status
    finally:
        alone.close()


async def test_a_container_takes_the_same_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for docker that drops the options and runs the command."""
    docker = tmp_path / "docker"
    docker.write_text(
        f'#!{sys.executable}\nimport os, sys\nat = sys.argv.index("the-image")\n'
        "os.execv(sys.executable, [sys.executable, *sys.argv[at + 2:]])\n"
    )
    docker.chmod(0o755)
    monkeypatch.setattr(opening, "find_container", lambda: str(docker))
    contained = open_sandbox("container", image="the-image")
    try:
        assert contained.layers[1] == "container:docker"
        suite = Suite([Pytest(contained)])
        result = await suite.check(Task(prompt="", tests=TESTS), Candidate(text="", files=RIGHT))
        assert result.status == "passed"
    finally:
        contained.close()


def test_a_closed_sandbox_opens_again_when_it_is_used() -> None:
    own = open_sandbox("landlock")
    own.close()
    assert asyncio.run(own.run(["/bin/echo", "again"])).stdout == b"again\n"
    own.close()


def test_what_a_killed_host_left_is_ended_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder for temporary files that no other user of the library tidies."""
    script = (
        "import asyncio\nfrom cascade.validators.sandbox import open_sandbox\n"
        "s = open_sandbox('landlock')\nprint(s.root, flush=True)\n"
        f"asyncio.run(s.run(['/bin/sleep', '{MARK}'], timeout_s=3600))\n"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    host = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert host.stdout is not None
    root = Path(host.stdout.readline().strip())
    until_sync(lambda: running(MARK), what="the program")
    host.kill()
    host.communicate()
    until_sync(lambda: not running(MARK) and not running(str(root)), what="the end of what the host ran")
    assert root.parent == tmp_path
    assert root.exists()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opening.remove_stale()
    assert not root.exists()


class TestTheFilter:
    """What the filter closes where the kernel's Landlock is older than this one."""

    def confined(self, code: str) -> str:
        start = (
            "import os, sys\nfrom cascade.validators.inside import landlock, seccomp\n"
            "landlock.no_new_privileges()\nseccomp.install(seccomp.Gaps(signals=True, truncation=True))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", start + code], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() or done.stderr.strip().splitlines()[-1]

    def test_signals_go_to_oneself_alone(self) -> None:
        assert "PermissionError" in self.confined("os.kill(os.getppid(), 0)")
        assert self.confined("os.kill(os.getpid(), 0); os.kill(0, 0); print('fine')") == "fine"

    @pytest.mark.parametrize("how", ["os.truncate(p, 0)", "os.open(p, os.O_RDONLY | os.O_TRUNC)"])
    def test_truncation_needs_a_right_to_write(self, tmp_path: Path, how: str) -> None:
        (tmp_path / "f").write_text("text")
        assert "PermissionError" in self.confined(f"p = {str(tmp_path / 'f')!r}; {how}")
        assert (tmp_path / "f").read_text() == "text"

    def test_writing_still_works(self, tmp_path: Path) -> None:
        assert self.confined(f"open({str(tmp_path / 'g')!r}, 'w').write('x'); print('fine')") == "fine"

    @pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
    def test_the_program_is_well_formed_for_each_machine(
        self, monkeypatch: pytest.MonkeyPatch, machine: str
    ) -> None:
        monkeypatch.setattr("platform.machine", lambda: machine)
        for gaps in (seccomp.Gaps(), seccomp.Gaps(signals=True, truncation=True)):
            code = list(struct.iter_unpack("=HBBI", seccomp.program(gaps)))
            assert code[-1] == (seccomp.RET, 0, 0, seccomp.ALLOW)
            assert len(code) < 4096
            for at, (_, if_true, if_false, _) in enumerate(code[:-1]):
                assert at + 1 + max(if_true, if_false) < len(code)


def test_a_process_that_may_open_few_files_runs_the_sandbox_all_the_same() -> None:
    """`ulimit -n 64` is what some services and containers give."""
    code = (
        "import resource, asyncio\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "from cascade.validators.sandbox import open_sandbox\n"
        "sandbox = open_sandbox()\n"
        "print(sandbox.isolates, sandbox.layers)\n"
        "asyncio.run(sandbox.aclose())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert (
        done.stdout
        == subprocess.run(
            [sys.executable, "-c", code.replace("(64, 64)", "(512, 512)")],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        ).stdout
    ), done.stderr
