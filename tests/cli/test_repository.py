"""`cascade run PROMPT --workspace DIR`: an edit of any shape becomes a patch that git applies, or is written."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cascade.testing import Logged, Reply, ScriptedServer
from tests.cli.conftest import Command

OLD = "def half(n):\r\n    return n // 3\r\n\r\n\r\ndef one():\r\n    return 1\r\n"
NEW = OLD.replace("n // 3", "n // 2")
TEST = "from pkg.maths import half\n\n\ndef test_half():\n    assert half(8) == 4\n"
WHOLE = "```python pkg/maths.py\n" + NEW.replace("\r", "") + "```"
DIFF = """```diff
--- a/pkg/maths.py
+++ b/pkg/maths.py
@@ -1,2 +1,2 @@
 def half(n):
-    return n // 3
+    return n // 2
```"""
BLOCK = """pkg/maths.py
```python
<<<<<<< SEARCH
    return n // 3
=======
    return n // 2
>>>>>>> REPLACE
```"""
CONFIG = """\
version: 1
tiers:
  flash: {{model: flash, base_url: "{url}", price: {{input: 1, output: 1}}, retries: 0}}
  pro: {{model: pro, base_url: "{url}", price: {{input: 1, output: 1}}, retries: 0}}
classifier: rules
validators: {validators}
policy: {{use: threshold, start: 0.0, attempts: {{flash: 1, pro: 1}}}}
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "__init__.py").touch()
    (root / "pkg" / "maths.py").write_bytes(OLD.encode())
    (root / "pkg" / "maths.py").chmod(0o755)
    (root / "test_maths.py").write_text(TEST)
    subprocess.run(["git", "init", "-q", root], check=True)
    return root


def arguments(
    tmp_path: Path, server: ScriptedServer, repo: Path, *more: object, validators: str = "[syntax]"
) -> list[object]:
    (tmp_path / "c.yaml").write_text(CONFIG.format(url=server.base_url, validators=validators))
    return ["run", "Fix half", "-c", "c.yaml", "--workspace", repo, "--context", "pkg/**/*.py", *more]


@pytest.mark.parametrize("answer", [WHOLE, DIFF, BLOCK], ids=["whole file", "diff", "search and replace"])
async def test_an_edit_of_any_shape_is_a_patch_that_git_applies(
    answer: str, tmp_path: Path, repo: Path, command: Command
) -> None:
    async with ScriptedServer(answer) as server:
        checks = "[syntax, pytest]" if answer is DIFF else "[syntax]"
        ended = await command(*arguments(tmp_path, server, repo, validators=checks))
    assert ended.code == 0, ended.err
    assert "def half(n):" in server.log[0].messages[-1]["content"]
    assert (repo / "pkg" / "maths.py").read_bytes() == OLD.encode()
    (tmp_path / "fix.patch").write_bytes(ended.raw_out)
    subprocess.run(["git", "apply", tmp_path / "fix.patch"], cwd=repo, check=True)
    if answer is not WHOLE:
        assert (repo / "pkg" / "maths.py").read_bytes() == NEW.encode()


async def test_apply_writes_the_files_with_their_modes_and_says_so(
    tmp_path: Path, repo: Path, command: Command
) -> None:
    async with ScriptedServer(DIFF) as server:
        ended = await command(*arguments(tmp_path, server, repo, "--apply"))
    assert (ended.code, ended.out) == (0, ""), ended.err
    assert "applied: pkg/maths.py" in ended.err
    assert (repo / "pkg" / "maths.py").read_bytes() == NEW.encode()
    assert (repo / "pkg" / "maths.py").stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in (repo / "pkg").iterdir()) == ["__init__.py", "maths.py"]


@pytest.mark.parametrize(
    ("wrong", "checks"),
    [
        (DIFF.replace("n // 2", "n // 5"), "[syntax, pytest]"),
        (f"no line fits n // 5\n{DIFF}".replace("\n ", "\n x"), "[syntax]"),
    ],
)
async def test_what_was_not_accepted_is_not_applied_and_not_on_stdout(
    tmp_path: Path, repo: Path, command: Command, wrong: str, checks: str
) -> None:
    async with ScriptedServer(wrong) as server:
        ended = await command(*arguments(tmp_path, server, repo, "--apply", validators=checks))
    assert (ended.code, ended.out) == (1, "")
    assert "n // 5" in ended.err
    assert (repo / "pkg" / "maths.py").read_bytes() == OLD.encode()


async def test_a_file_that_changed_meanwhile_is_named_and_nothing_is_written(
    tmp_path: Path, repo: Path, command: Command
) -> None:
    def script(call: Logged) -> str | Reply:
        return DIFF

    # The check that runs last changes the user's file, as an editor might at that moment.
    plugin = tmp_path / "late.py"
    plugin.write_text(
        "from cascade.types import Report\n"
        "class Late:\n"
        "    name = 'late'\n"
        "    def __init__(self, sandbox, options):\n"
        "        self.path = options['path']\n"
        "    async def check(self, workspace):\n"
        "        open(self.path, 'ab').write(b'# edited\\r\\n')\n"
        "        return Report(name='late', status='passed')\n"
    )
    async with ScriptedServer(script) as server:
        words = arguments(tmp_path, server, repo, "--apply", "--json")
        late = {"use": "late:Late", "path": str(repo / "pkg" / "maths.py")}
        text = (tmp_path / "c.yaml").read_text().replace("[syntax]", json.dumps([late]))
        (tmp_path / "c.yaml").write_text(text)
        ended = await command(*words, PYTHONPATH=str(tmp_path))
    assert ended.code == 1, ended.err
    document: dict[str, Any] = ended.document
    assert document["applied"] == []
    assert "pkg/maths.py changed in the workspace meanwhile" in document["not_applied"]
    assert "n // 2" in document["result"]["patch"]
    assert (repo / "pkg" / "maths.py").read_bytes() == OLD.encode() + b"# edited\r\n"


MISUSES = [
    (["--apply"], "--apply writes the patch of one prompt into one workspace"),
    (["--workspace", "nowhere"], "--workspace: nowhere is not a folder"),
    (["--context", "src"], "--context is about a workspace, and none is given"),
    (["--workspace", ".", "--context", "/etc/*"], "'/etc/*' is not relative to the workspace"),
]


@pytest.mark.parametrize(("words", "said"), MISUSES)
async def test_options_that_do_not_go_together_are_bad_usage(
    words: list[str], said: str, tmp_path: Path, here: Command
) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG.format(url="http://127.0.0.1:9/v1", validators="[syntax]"))
    ended = await here("run", "Fix it", "-c", "c.yaml", *words)
    assert ended.code == 2
    assert said in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]
