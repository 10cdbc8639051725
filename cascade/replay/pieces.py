"""One partition of a log as it is read, and what has to be known of it before the log can be put together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from cascade.errors import InputError
from cascade.policy.steps import Step
from cascade.replay.columns import LATENCY, Columns
from cascade.replay.draws import Keys, keys_of
from cascade.replay.exact import exact_sum, rounded
from cascade.replay.read_table import CUT_NOTE, build, read_columns, staged
from cascade.replay.table import Floats, OutcomeTable
from cascade.replay.verdicts import Known

ENDINGS = (".parquet", ".csv", ".csv.gz")


def partitions_of(folder: Path) -> list[Path]:
    """The outcome tables in a folder and below it, by path.

    Names that begin with `.` or `_` (`_SUCCESS`, `_temporary/`) are other programs' own and are left alone.
    Raises InputError for a folder without a table and for a file of another kind.
    """
    found = sorted(path for path in folder.rglob("*") if _meant(path.relative_to(folder)) and path.is_file())
    other = next((path for path in found if not path.name.endswith(ENDINGS)), None)
    if other is not None:
        raise InputError(
            f"{other}: the partitions of a log are outcome tables ({', '.join(ENDINGS)})",
            hint="move it away, or begin its name with `_`; a trace becomes an outcome table by "
            "`cascade trace export --outcomes`",
        )
    if not found:
        raise InputError(
            f"{folder}: the folder holds no outcome table",
            hint=f"a log in parts is a folder of files that end in {', '.join(ENDINGS)}",
        )
    return [path.resolve() for path in found]


def _meant(path: Path) -> bool:
    return not any(name.startswith((".", "_")) for name in path.parts)


@dataclass(frozen=True, slots=True)
class ArmFacts:
    """One kind of attempt: known outcomes and costs with their exact sums; known outcomes whose cost is blank."""

    known: int = 0
    right: int = 0
    priced: int = 0
    spent: int = 0
    blank: int = 0

    @classmethod
    def of(cls, table: OutcomeTable, arm: int) -> ArmFacts:
        """Count and sum."""
        outcome, cost = table.outcome[:, arm], table.cost[:, arm]
        told, priced = np.isfinite(outcome), np.isfinite(cost)
        right, spent = exact_sum(outcome[told]), exact_sum(cost[priced])
        blank = int((table.seen[:, arm] & ~priced).sum())
        return cls(int(told.sum()), right, int(priced.sum()), spent, blank)

    def __add__(self, other: ArmFacts) -> ArmFacts:
        return ArmFacts(
            self.known + other.known,
            self.right + other.right,
            self.priced + other.priced,
            self.spent + other.spent,
            self.blank + other.blank,
        )

    @property
    def rate(self) -> float:
        """Mean outcome; NaN where none is known."""
        return rounded(self.right) / self.known if self.known else float("nan")

    @property
    def cost(self) -> float:
        """Mean USD; NaN where none is known."""
        return rounded(self.spent) / self.priced if self.priced else float("nan")


@dataclass(frozen=True, slots=True)
class Facts:
    """A partition in short. unchecked: rows without an outcome; figures: columns of numbers; words: columns left
    out because they hold others; negative: left out because they hold numbers below 0. known: answers with a
    verdict and a truth; passed: the arms by what the checks said; verdicts: validators; seconds: how many checks
    of each were timed, and their exact sum.
    """

    path: str
    columns: frozenset[str]
    stages: tuple[str, ...]
    tasks: int = 0
    unchecked: int = 0
    arms: dict[Step, ArmFacts] = field(default_factory=dict)
    figures: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    negative: frozenset[str] = frozenset()
    known: Known = field(default_factory=Known)
    passed: dict[Step, ArmFacts] = field(default_factory=dict)
    verdicts: tuple[str, ...] = ()
    seconds: dict[str, tuple[int, int]] = field(default_factory=dict)
    cut: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A partition as it was read; table: None if it has no rows."""

    table: OutcomeTable | None
    keys: Keys
    facts: Facts


def read_piece(path: Path) -> Piece:
    """Read one partition. Raises as `read_table` does, but a part may be empty and hold no outcome."""
    columns = read_columns(path)
    if not columns.count:
        return Piece(None, keys_of([]), Facts(str(path), frozenset(columns.names), ()))
    table = build(columns, str(path))
    return Piece(table, keys_of(table.tasks), _facts(str(path), columns, table))


def facts_of(piece: Piece) -> Facts:
    """What the log has to know of a piece."""
    return piece.facts


def sorted_keys(piece: Piece) -> Keys:
    """A piece's keys, to be held against those of others."""
    return np.sort(piece.keys)


def _facts(path: str, columns: Columns, table: OutcomeTable) -> Facts:
    others = [name for name in columns.numbers if name not in ("outcome", "cost_usd")]
    known = set(others) | set(columns.words) | {"outcome", "cost_usd"}
    passed = table if table.accepted is None else replace(table, outcome=table.accepted)
    return Facts(
        path=path,
        cut=CUT_NOTE in columns.notes,
        columns=frozenset(columns.names),
        stages=tuple(columns.words["stage"].codes()[1]) if staged(columns) else (),
        tasks=len(table),
        unchecked=int(np.isnan(columns.column("outcome")).sum()),
        arms={step: ArmFacts.of(table, k) for k, step in enumerate(table.arms)},
        figures=frozenset(table.figures),
        words=tuple(name for name in columns.names if name not in known),
        negative=frozenset(name for name in others if np.nanmin(columns.column(name), initial=0.0) < 0),
        known=Known.of(table),
        passed={step: ArmFacts.of(passed, k) for k, step in enumerate(table.arms)},
        verdicts=tuple(table.verdicts),
        seconds={name: _timed(columns.column(f"{LATENCY}{name}")) for name in table.check_seconds},
    )


def _timed(seconds: Floats) -> tuple[int, int]:
    known = seconds[np.isfinite(seconds)]
    return len(known), exact_sum(known)
