"""One timed step of `benchmarks.scale`, in a process of its own."""

from __future__ import annotations

import sys

from benchmarks.scale.__main__ import child

if __name__ == "__main__":
    child(sys.argv[1], sys.argv[2:])
