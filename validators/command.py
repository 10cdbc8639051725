"""`command`: any tool, by its command line, exit codes and output."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from cascade.types import Diagnostic, Report
from cascade.validators.installed import find_tool
from cascade.validators.options import Options, Weight, room, said, severity_of, status_of, unfinished
from cascade.validators.parsers import Finding, JsonPath, Parser, Regex, Sarif
from cascade.validators.sandbox import Completed, Limits, Room, Sandbox
from cascade.validators.workspace import Workspace

FILES = "{files}"
MAX_FINDINGS = 200


class CommandOptions(Options):
    """How to run a tool, and how to read it; it is called as its program if no `name` is given.

    `run` is the argv; `{files}` stands for the answer's files that match `files` (without it the tool gets no
    file names), `{root}` and `{scratch}` for the workspace and its scratch directory. `clean` and `findings` are
    exit codes; any other means that the tool broke. `parse` is "sarif", or `{json: {...}}`, or `{regex: ...}`;
    without it the exit code decides. `executes` says that the tool runs what the answer wrote (its code, its
    build script, its configuration), and so is refused where nothing isolates. `read` are directories outside
    that the tool needs, `~` is the user's home.
    """

    name: str = ""
    run: tuple[str, ...] = Field(min_length=1)
    files: tuple[str, ...] = ("*",)
    parse: Sarif | JsonPath | Regex | None = None
    output: Literal["stdout", "stderr"] = "stdout"
    clean: tuple[int, ...] = (0,)
    findings: tuple[int, ...] = (1,)
    weights: Mapping[str, Weight] = Field(default_factory=dict)
    default: Weight | None = None
    executes: bool = True
    read: tuple[str, ...] = ()
    env: Mapping[str, str] = Field(default_factory=dict)
    install: str = ""
    timeout_s: float = Field(default=60.0, gt=0)
    memory_mb: int = 2048

    @field_validator("parse", mode="before")
    @classmethod
    def _short_forms(cls, value: object) -> object:
        if value == "sarif":
            return Sarif()
        if isinstance(value, Mapping) and set(value) == {"json"}:
            return JsonPath.model_validate(value["json"])
        if isinstance(value, str):
            raise ValueError(f"unknown parser {value!r}: use 'sarif', {{json: ...}} or {{regex: ...}}")  # noqa: TRY004
        return value


class Command:
    """Runs the tool in the sandbox on the answer's files."""

    stage = 1
    compares: Literal["findings"] = "findings"

    def __init__(self, sandbox: Sandbox, options: CommandOptions) -> None:
        self.sandbox = sandbox
        self._options = options
        self.name = options.name or Path(options.run[0]).name

    @property
    def fingerprint(self) -> str:
        """What its findings depend on apart from the workspace: its options and the program."""
        program = find_tool(self._options.run[0])
        return f"{self._options!r} {program} {_stamp(program)}"

    def looks_at(self, path: str) -> bool:
        """Whether it checks a file of this name."""
        return any(fnmatchcase(path, pattern) for pattern in self._options.files)

    def nothing_to_check(self, workspace: Workspace) -> str | None:
        """Why there is nothing to do, if so."""
        if self._files(workspace):
            return None
        return f"the answer has no file like {', '.join(self._options.files)}"

    async def check(self, workspace: Workspace) -> Report:
        """failed if the tool found an error; unchecked if it is missing, broke, or did not end."""
        options = self._options
        if options.executes:
            self.sandbox.require_isolation()
        program = find_tool(options.run[0])
        if program is None:
            detail = f"{options.run[0]} is not installed{': ' + options.install if options.install else ''}"
            return Report(name=self.name, status="unchecked", detail=detail)
        done = await self.sandbox.execute(self._argv(program, workspace), self._room(program, workspace))
        if done.ended != "exit":
            return unfinished(self.name, done)
        if done.returncode not in (*options.clean, *options.findings):
            return Report(
                name=self.name, status="unchecked", detail=f"it broke (exit {done.returncode}): {said(done)}"
            )
        return self._report(done, workspace)

    def _report(self, done: Completed, workspace: Workspace) -> Report:
        output = (done.stdout if self._options.output == "stdout" else done.stderr).decode("utf-8", "replace")
        try:
            found = self._diagnostics(output, workspace)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            detail = f"its output could not be read ({type(error).__name__}: {error}): {output[:200]!r}"
            return Report(name=self.name, status="unchecked", detail=detail)
        if done.returncode not in self._options.clean and not found:
            message = workspace.scrub(said(done)) or f"exit code {done.returncode}"
            if self._options.parse is not None:
                # It says that it found something, and named nothing: that may as well be a crash.
                return Report(
                    name=self.name, status="unchecked", detail=f"exit {done.returncode}, but: {message}"
                )
            found = (Diagnostic(message=message, code=self.name),)
        return Report(name=self.name, status=status_of(found), diagnostics=found)

    def _diagnostics(self, output: str, workspace: Workspace) -> tuple[Diagnostic, ...]:
        parser: Parser | None = self._options.parse
        if parser is None or not output.strip():
            return ()
        listed = (self._diagnostic(finding, workspace) for finding in parser.read(output))
        return tuple(found for found in listed if found is not None)[:MAX_FINDINGS]

    def _diagnostic(self, finding: Finding, workspace: Workspace) -> Diagnostic | None:
        default = self._options.default or finding.severity or "error"
        severity = severity_of(finding.code, self._options.weights, default=default)
        if severity is None:
            return None
        path = workspace.relative(finding.path) if finding.path else None
        return Diagnostic(
            message=workspace.scrub(finding.message),
            code=finding.code,
            severity=severity,
            path=path,
            line=finding.line,
            column=finding.column,
            source=workspace.source_line(path, finding.line),
        )

    def _files(self, workspace: Workspace) -> list[str]:
        return [path for path in workspace.touched if self.looks_at(path)]

    def _argv(self, program: str, workspace: Workspace) -> list[str]:
        argv = [program]
        for word in self._options.run[1:]:
            argv += self._safe_files(workspace) if word == FILES else [self._fill(word, workspace)]
        return argv

    def _safe_files(self, workspace: Workspace) -> list[str]:
        """A file may be called `--fix`; it must not be read as an option."""
        return [f"./{path}" if path.startswith("-") else path for path in self._files(workspace)]

    def _fill(self, text: str, workspace: Workspace) -> str:
        text = text.replace("{root}", str(workspace.root)).replace("{scratch}", str(workspace.scratch))
        return str(Path(text).expanduser()) if text.startswith("~") else text

    def _room(self, program: str, workspace: Workspace) -> Room:
        options = self._options
        limits = Limits(
            wall_s=options.timeout_s, cpu_s=int(options.timeout_s) + 60, memory_mb=options.memory_mb,
            address_space_mb=None, output_mb=8.0, processes=256, open_files=4096, disk_mb=1024, file_mb=512,
        )  # fmt: skip
        place = room(workspace, limits)
        read = tuple(
            Path(os.path.realpath(Path(path).expanduser())) for path in (*options.read, str(_home(program)))
        )
        env = {
            **workspace.environment,
            **{name: self._fill(value, workspace) for name, value in options.env.items()},
        }
        search = os.pathsep.join((str(Path(program).parent), "/usr/local/bin", "/usr/bin", "/bin"))
        return Room(
            cwd=place.cwd, writable=place.writable, readable=read, env={"PATH": search, **env}, limits=limits
        )


def _stamp(program: str | None) -> str:
    info = Path(program).stat() if program is not None else None
    return "" if info is None else f"{info.st_size}:{info.st_mtime_ns}"


def _home(program: str) -> Path:
    """What a tool needs to be read with: its virtual environment if it is in one, else the folder it is in."""
    folder = Path(program).parent
    if (folder.parent / "pyvenv.cfg").is_file():
        return folder.parent
    return Path(os.path.realpath(program)).parent
