"""Whatever a model writes, extraction ends in files or diagnostics."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.extraction import extract
from cascade.types import Task

PARTS = st.sampled_from(
    ["```", "```python a.py\n", "```diff\n", "``````js\n", "~~~\n", "\n", "--- a/a.py\n", "+++ b/a.py\n",
     "@@ -1,2 +1,3 @@\n", "@@\n", " x = 1\n", "-x = 1\n", "+x = 2\n", "\\ No newline at end of file\n",
     "diff --git a/a.py b/b.py\n", "rename from a.py\n", "rename to b.py\n", "*** Begin Patch\n",
     "*** Update File: a.py\n", "*** Move to: c.py\n", "*** Delete File: a.py\n", "*** End Patch\n", "a.py\n",
     "<<<<<<< SEARCH\n", "=======\n", ">>>>>>> REPLACE\n", "x = 1\n", '"""\n', "> ", "- ", "<think>",
     "</think>", "GIT binary patch\n", "\r\n", "\x00", "\ud800", "../b.py:\n",
     'diff --git "a/\\303" "b/\\9"\n', "# ...\n"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PARTS, max_size=14))
def test_any_mixture_of_shapes_ends_in_files_or_diagnostics(parts: list[str]) -> None:
    found = extract("".join(parts), task=Task(prompt="p", target="a.py", files={"a.py": "x = 1\n"}))
    candidate = found.candidate
    assert bool(found.diagnostics) != bool(candidate.files or candidate.deleted)
