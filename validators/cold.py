"""The pytest job in an interpreter that no fork server runs in: started anew for each run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cascade.validators import inside

# What the job needs, in the order in which it is loaded. Our own package is not in sight of the candidate.
PARTS = ("layout", "refusals", "shown", "recorder", "pytest_job")
BOOT = """
import json, os, sys, types
sys.path[:] = [path for path in sys.path if path]
data = json.loads(sys.stdin.buffer.read().decode())
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
sys.dont_write_bytecode = True
def load(name, text):
    module = sys.modules[name] = types.ModuleType(name)
    above, _, last = name.rpartition(".")
    if above:
        setattr(sys.modules[above], last, module)
    exec(compile(text, name, "exec"), module.__dict__)
    return module
for name in ("cascade", "cascade.validators", "cascade.validators.inside"):
    load(name, "")
for name, text in data["parts"]:
    last = load("cascade.validators.inside." + name, text)
try:
    last.job(data["payload"], 3)
finally:
    sys.stdout.flush()
    sys.stderr.flush()
os._exit(0)
"""


def command(python: str) -> tuple[str, ...]:
    """The argv of a cold run; it reads `message` from its standard input."""
    return (python, "-s", "-c", BOOT)


def message(payload: Mapping[str, Any]) -> bytes:
    """The payload with our own code, which is read by nobody else."""
    home = Path(str(inside.__file__)).parent
    parts = [(name, (home / f"{name}.py").read_text("utf-8")) for name in PARTS]
    return json.dumps({"payload": dict(payload), "parts": parts}).encode()
