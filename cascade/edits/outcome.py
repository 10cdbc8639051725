"""What an answer does to its task's files, as one patch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cascade.edits.changes import EditError
from cascade.edits.originals import Originals
from cascade.edits.write import Version, write_patch
from cascade.types import Mode


def patch_of(
    originals: Originals,
    files: Mapping[str, str],
    deleted: Iterable[str] = (),
    *,
    modes: Mapping[str, Mode] | None = None,
) -> str:
    """The unified diff from the workspace (without one: from the task's files) to what the answer leaves there.

    The task's own files count as changes where they differ from the workspace's: the checks saw them. `git apply`
    takes the patch in the workspace. Empty where nothing differs.
    """
    gone = set(deleted) - set(files)
    texts = {**originals.overlay, **files}
    before = _versions(originals.base, {*texts, *gone})
    after = {
        path: Version(text, (modes or {}).get(path) or (before[path].mode if path in before else "100644"))
        for path, text in texts.items()
        if path not in gone
    }
    return write_patch(before, after)


def _versions(base: Originals, paths: Iterable[str]) -> dict[str, Version]:
    versions = {}
    for path in paths:
        try:
            if path in base:
                versions[path] = Version(base[path], base.mode(path))
        except EditError:
            continue  # a link, or a file that cannot be read: the answer was refused for it
    return versions
