"""The fork server: started once inside the sandbox, it forks a confined child for every run.

It reads requests from descriptor 0 and answers on descriptor 1, one at a time. What it prepared (an imported
pytest, a warm mypy) its children inherit; what a child does to it dies with the child.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from cascade.validators.inside import namespaces, privileges, wire
from cascade.validators.inside.confine import Grant, Policy, confine_server, with_namespaces
from cascade.validators.inside.run import MB, Ask, perform

Job = Callable[[dict[str, Any], int], None]


def main(jobs: Mapping[str, Job], prepare: Callable[[dict[str, Any]], None]) -> None:
    """Serve until the other side hangs up. The first message is the policy."""
    control = os.dup(0)
    answers = os.dup(1)
    os.dup2(os.open("/dev/null", os.O_RDWR), 0)
    os.dup2(2, 1)
    # Children must never find the control channel, not even by guessing: they close all above 3.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    head, _ = _receive(control)
    policy = with_namespaces(Policy.of(head["policy"]))
    privileges.adopt_orphans()
    confine_server(policy, head["root"])
    prepare({**head["setup"], "root": head["root"]})
    gc.collect()
    gc.freeze()
    _send(answers, {"ready": True, "pid": os.getpid()})
    while True:
        head, body = _receive(control)
        outcome = perform(
            _ask(head, body, jobs, policy), policy.for_program() if "argv" in head else policy, control
        )
        answer: dict[str, Any] = {
            "id": head["id"],
            "returncode": outcome.returncode,
            "ended": outcome.ended,
            "truncated": outcome.truncated,
            "sizes": [len(output) for output in outcome.outputs],
        }
        _send(answers, answer, b"".join(outcome.outputs))
        if not outcome.clean:
            return


def _ask(head: dict[str, Any], body: bytes, jobs: Mapping[str, Job], policy: Policy) -> Ask:
    limits = head["limits"]
    writable = (*head["writable"], *([namespaces.SHM] if policy.private else []))
    grant = Grant(writable, tuple(head["readable"]), limits["rlimits"])
    return Ask(
        cwd=head["cwd"],
        env=head["env"],
        grant=grant,
        target=_target(head, jobs),
        stdin=body,
        wall_s=limits["wall_s"],
        output_bytes=int(limits["output_mb"] * MB),
        memory_bytes=limits["memory_mb"] * MB,
        disk_bytes=limits["disk_mb"] * MB,
        processes=limits["processes"],
    )


def _target(head: dict[str, Any], jobs: Mapping[str, Job]) -> Callable[[int], None]:
    if "job" in head:
        job, payload = jobs[head["job"]], head["payload"]
        return lambda report: job(payload, report)
    argv, env = head["argv"], head["env"]

    def execute(report: int) -> None:
        if not head.get("reports"):
            os.close(report)
        os.execvpe(argv[0], argv, env)  # noqa: S606  (no shell is what is wanted)

    return execute


def _receive(control: int) -> tuple[dict[str, Any], bytes]:
    """The next message; ends the process when the other side is gone."""
    head_size, body_size = wire.sizes(_exactly(control, wire.HEAD.size))
    return wire.decode(_exactly(control, head_size)), _exactly(control, body_size)


def _exactly(control: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = os.read(control, min(size, 1 << 20))
        if not part:
            sys.exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _send(answers: int, head: dict[str, Any], body: bytes = b"") -> None:
    view = memoryview(wire.encode(head, body))
    while view:
        view = view[os.write(answers, view) :]
