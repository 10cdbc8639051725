"""Any tool by its command line: exit codes, parsers, and what is unchecked rather than failed."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from cascade.errors import ConfigError
from cascade.types import Report
from cascade.validators import catalog
from cascade.validators.parsers import JsonPath, Regex, Sarif
from cascade.validators.presets import PRESETS
from cascade.validators.sandbox import Sandbox
from tests.validators.conftest import verdict

SARIF = {
    "runs": [
        {
            "results": [
                {
                    "ruleId": "R1",
                    "level": "error",
                    "message": {"text": "bad"},
                    "locations": [
                        {
                            "physicalLocation": {
                                "artifactLocation": {"uri": "a.py"},
                                "region": {"startLine": 3, "startColumn": 5},
                            }
                        }
                    ],
                },
                {"message": {"text": "nowhere"}},
            ]
        }
    ]
}


async def run(sandbox: Sandbox, code: str, **options: Any) -> Report:
    """A tool that is this Python, with this code."""
    entry = {"use": "command", "name": "tool", "run": [sys.executable, "-c", code, "{files}"], **options}
    (validator,) = catalog.build([entry], sandbox=sandbox)
    return (await verdict(validator, files={"a.py": "one\ntwo\nthree\n", "b.txt": ""})).reports[0]


class TestExitCodes:
    async def test_zero_passes_one_fails_with_what_was_said(self, sandbox: Sandbox) -> None:
        assert (await run(sandbox, "pass")).status == "passed"
        failed = await run(sandbox, "import sys; sys.exit('no good')")
        assert failed.status == "failed"
        assert failed.diagnostics[0].message == "no good"

    async def test_another_code_means_that_the_tool_broke(self, sandbox: Sandbox) -> None:
        broken = await run(sandbox, "import sys; print('usage'); sys.exit(2)")
        assert broken.status == "unchecked"
        assert "exit 2" in (broken.detail or "")

    async def test_a_missing_tool_is_unchecked_with_the_way_to_get_it(self, sandbox: Sandbox) -> None:
        report = await run(sandbox, "", run=["no-such-tool-here"], install="pip install it")
        assert (report.status, report.detail) == (
            "unchecked",
            "no-such-tool-here is not installed: pip install it",
        )

    @pytest.mark.parametrize("code", ["while True: pass", "import os; os.kill(os.getpid(), 11)"])
    async def test_no_end_and_a_crash_are_unchecked(self, sandbox: Sandbox, code: str) -> None:
        assert (await run(sandbox, code, timeout_s=0.7)).status == "unchecked"

    async def test_findings_without_any_that_can_be_read_are_unchecked(self, sandbox: Sandbox) -> None:
        code = "import sys; print('Traceback'); sys.exit(1)"
        report = await run(sandbox, code, parse={"regex": r"(?P<path>\S+):(?P<line>\d+): (?P<message>.*)"})
        assert report.status == "unchecked"

    @pytest.mark.parametrize("output", ["'{'", "'[]'", "'null'", "b'\\xff\\xfe'", "'{\"runs\": 3}'"])
    async def test_output_that_is_not_what_was_declared_is_unchecked(
        self, sandbox: Sandbox, output: str
    ) -> None:
        code = f"import sys; o = {output}; o = o if isinstance(o, bytes) else o.encode()\n"
        code += "sys.stdout.buffer.write(o); sys.exit(1)"
        assert (await run(sandbox, code, parse="sarif")).status == "unchecked"

    async def test_gigabytes_of_output_are_cut(self, sandbox: Sandbox) -> None:
        code = "import sys\nfor _ in range(300): sys.stdout.write('x' * 1_000_000)\nsys.exit(1)"
        report = await run(sandbox, code)
        assert report.status == "failed"
        assert len(report.diagnostics[0].message) < 1000


def test_a_command_is_called_as_its_program(sandbox: Sandbox) -> None:
    (validator,) = catalog.build(
        [{"use": "command", "run": ["/usr/bin/vulture", "{files}"]}], sandbox=sandbox
    )
    assert validator.name == "vulture"


class TestFiles:
    async def test_only_matching_files_are_given(self, sandbox: Sandbox) -> None:
        code = "import sys; sys.exit(' '.join(sys.argv[1:]))"
        report = await run(sandbox, code, files=["*.py"])
        assert report.diagnostics[0].message == "a.py"

    async def test_without_a_matching_file_it_is_skipped(self, sandbox: Sandbox) -> None:
        entry = {"use": "shellcheck"}
        (validator,) = catalog.build([entry], sandbox=sandbox)
        result = await verdict(validator, files={"a.py": ""})
        assert result.skipped == {"shellcheck": "the answer has no file like *.sh, *.bash"}


class TestParsers:
    def test_sarif(self) -> None:
        first, second = Sarif().read(json.dumps(SARIF))
        assert (first.path, first.line, first.column, first.code) == ("a.py", 3, 5, "R1")
        assert (first.severity, first.message) == ("error", "bad")
        assert (second.path, second.severity) == (None, "warning")

    def test_json_path_climbs_to_what_holds_a_finding(self) -> None:
        document = [
            {"file": "a", "all": [{"at": {"line": 0}, "message": "m", "severity": 2}]},
            {"file": "b", "all": []},
        ]
        parser = JsonPath(items="[*].all[*]", path="^file", line="at.line", base=0, severities={"2": "error"})
        (found,) = parser.read(json.dumps(document))
        assert (found.path, found.line, found.severity) == ("a", 1, "error")

    def test_regex_ignores_colours_and_other_lines(self) -> None:
        parser = Regex(regex=r"(?P<path>\S+):(?P<line>\d+): (?P<severity>\w+): (?P<message>.*)")
        (found,) = parser.read("hello\n\x1b[31ma.c:7: warning: hm\x1b[0m\n")
        assert (found.path, found.line, found.severity, found.message) == ("a.c", 7, "warning", "hm")

    @pytest.mark.parametrize(
        "parse", ["xml", {"regex": "("}, {"regex": "(?P<line>x)"}, {"json": {"nope": 1}}]
    )
    def test_a_wrong_parser_is_a_config_error(self, sandbox: Sandbox, parse: object) -> None:
        with pytest.raises(ConfigError):
            catalog.build([{"use": "command", "name": "x", "run": ["x"], "parse": parse}], sandbox=sandbox)


# What the tools really print (versions of November 2026), cut to what is read; and what must be found in it.
RECORDED: dict[str, tuple[str, int, str, list[tuple[str | None, int | None, int | None, str, str]]]] = {
    "eslint": (
        '[{"filePath":"d.js","messages":[{"ruleId":"no-const-assign","severity":2,"message":"m","line":1,"column":14}]}]',
        1,
        "stdout",
        [("d.js", 1, 14, "no-const-assign", "error")],
    ),
    "tsc": (
        "e.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'.\n",
        2,
        "stdout",
        [("e.ts", 1, 7, "TS2322", "error")],
    ),
    "biome": (
        "::error title=lint/correctness/noConstAssign,file=d.js,line=1,endLine=1,col=14,endColumn=15::Can't assign\n",
        1,
        "stdout",
        [("d.js", 1, 14, "lint/correctness/noConstAssign", "error")],
    ),
    "go_vet": (
        "# example\nvet: ./main.go:5:2: undefined: x\n",
        1,
        "stderr",
        [("main.go", 5, 2, "", "error")],
    ),
    "shellcheck": (
        '{"comments":[{"file":"b.sh","line":3,"column":1,"level":"error","code":1073,"message":"m"}]}',
        1,
        "stdout",
        [("b.sh", 3, 1, "1073", "error")],
    ),
    "sqlfluff": (
        (
            '[{"filepath":"c.sql","violations":[{"start_line_no":1,"start_line_pos":1,"code":"PRS","description":"d"},'
            '{"start_line_no":2,"start_line_pos":1,"code":"LT01","description":"d"}]}]'
        ),
        1,
        "stdout",
        [("c.sql", 1, 1, "PRS", "error"), ("c.sql", 2, 1, "LT01", "warning")],
    ),
    "cargo_check": (
        (
            '{"reason":"compiler-artifact"}\n'
            '{"reason":"compiler-message","message":{"message":"mismatched types","code":{"code":"E0308"},'
            '"level":"error","spans":[{"file_name":"src/main.rs","line_start":1,"column_start":26}]}}\n'
        ),
        101,
        "stdout",
        [("src/main.rs", 1, 26, "E0308", "error")],
    ),
    "pyright": (
        (
            '{"generalDiagnostics":[{"file":"a.py","severity":"error","message":"m","rule":"reportUndefinedVariable",'
            '"range":{"start":{"line":2,"character":15}}},{"file":"a.py","severity":"error","message":"m",'
            '"rule":"reportReturnType","range":{"start":{"line":0,"character":0}}}]}'
        ),
        1,
        "stdout",
        [("a.py", 3, 16, "reportUndefinedVariable", "error"), ("a.py", 1, 1, "reportReturnType", "warning")],
    ),
    "ty": (
        (
            '[{"check_name":"unresolved-reference","description":"d","severity":"major","location":{"path":"a.py",'
            '"positions":{"begin":{"line":3,"column":16}}}}]'
        ),
        1,
        "stdout",
        [("a.py", 3, 16, "unresolved-reference", "error")],
    ),
}


@pytest.mark.parametrize("name", sorted(PRESETS))
async def test_a_ready_entry_reads_what_its_tool_prints(sandbox: Sandbox, name: str) -> None:
    output, code, stream, wanted = RECORDED[name]
    script = f"import sys; print({output!r}, file=sys.{stream}); sys.exit({code})"
    (validator,) = catalog.build(
        [{"use": name, "run": [sys.executable, "-c", script], "files": ["*"]}], sandbox=sandbox
    )
    report = (await verdict(validator, files={"a.py": ""})).reports[0]
    found = [(one.path, one.line, one.column, one.code, one.severity) for one in report.diagnostics]
    assert found == wanted
    assert report.status == "failed"


async def test_entries_whose_tool_is_here_find_a_real_fault(sandbox: Sandbox) -> None:
    """shellcheck, tsc and the others are optional; whichever is installed is run for real."""
    files = {
        "b.sh": "#!/bin/sh\nif [ $x = 1 ]; then\n",
        "e.ts": "const x: number = 'a';\n",
        "d.js": "const a = 1; a = 2;\n",
    }
    names = ["shellcheck", "tsc", "eslint", "biome"]
    result = await verdict(*catalog.build(names, sandbox=sandbox), files=files)
    for report in result.reports:
        missing = report.status == "unchecked" and "not installed" in (report.detail or "")
        assert missing or report.status == "failed", report
