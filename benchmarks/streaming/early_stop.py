"""What early stop saves on recorded answers, and what it costs in answers that would have passed.

    python benchmarks/streaming/early_stop.py FOLDER

FOLDER holds recordings (design 5.7) as `*.jsonl.gz` with `passed` on each line. Every answer is streamed in
pieces of four characters through an `EarlyStop`, and as at an endpoint one more piece is read before the cut;
tokens saved are the recorded output tokens in proportion to the characters not streamed. "Seen" is what the
watcher saw; where the answer then ends by itself nothing is saved. An answer is "changed" if the Python block that
would be extracted is another one; it is "lost" if it had passed and is changed.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cascade.extraction import extract
from cascade.models.early import EarlyStop, StopRules
from cascade.models.replayed import pieces
from cascade.types import Task

RULES = {
    "complete": StopRules(syntax=False, loops=False),
    "syntax": StopRules(complete=False, loops=False),
    "loops": StopRules(complete=False, syntax=False),
    "all": StopRules(),
}


@dataclass
class Row:
    """Sums over the answers of one kind."""

    answers: int = 0
    tokens: int = 0
    saved: float = 0.0
    cut: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    lost: int = 0
    seconds: float = 0.0

    def add(self, answer: dict[str, Any], rules: StopRules) -> None:
        text, tokens = answer["completion"], answer["usage"]["completion_tokens"]
        stop, seen = EarlyStop(rules), 0
        began = time.perf_counter()
        enough = False
        for piece in pieces(text):
            seen += len(piece)
            if enough and piece.strip():
                break
            enough = enough or stop(piece)
        self.seconds += time.perf_counter() - began
        self.answers += 1
        self.tokens += tokens
        self.saved += tokens * (1 - seen / len(text)) if text else 0.0
        if stop.why is None:
            return
        self.cut[stop.why] += 1
        if files(text[:seen]) != files(text):
            self.changed += 1
            self.lost += bool(answer["passed"])

    def show(self, name: str) -> str:
        cuts = ", ".join(f"{why} {count}" for why, count in sorted(self.cut.items())) or "-"
        share = self.saved / self.tokens if self.tokens else 0.0
        return (
            f"| {name} | {self.answers} | {self.tokens} | {self.saved:.0f} | {share:.1%} | {cuts} "
            f"| {self.changed} | {self.lost} | {self.seconds / max(1, self.answers) * 1000:.2f} |"
        )


def files(text: str) -> dict[str, str]:
    """What is extracted of an answer."""
    return dict(extract(text, task=Task(prompt="", target="solution.py")).candidate.files)


def main(folder: Path) -> None:
    """Print the table."""
    print("| answers | n | output tokens | saved | share | seen | changed | lost | ms an answer |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            answers = [answer for line in lines if "completion" in (answer := json.loads(line))]
        if not answers:
            continue
        name = path.name.removesuffix(".jsonl.gz")
        for rule, rules in RULES.items():
            for verdict in (True, False):
                row = Row()
                for answer in answers:
                    if bool(answer["passed"]) is verdict:
                        row.add(answer, rules)
                print(row.show(f"{name}, {'passed' if verdict else 'failed'}, {rule}"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
