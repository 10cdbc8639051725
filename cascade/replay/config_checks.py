"""The validators of a config, played on the verdicts that a log holds of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cascade.config import Config
from cascade.replay.checks import MOST_UNSAID
from cascade.replay.parts import Held, Part
from cascade.replay.rates import on_checks
from cascade.replay.read_parts import PartedLog
from cascade.replay.replay_parts import OnChecks
from cascade.replay.table import OutcomeTable
from cascade.replay.verdicts import unsaid_by, whole_verdict

_AGAIN = "`--revalidate` checks the answers of a trace again"


def on_config_checks(config: Config, table: OutcomeTable) -> OutcomeTable:
    """As `on_config_checks_parts`, for a table."""
    log = on_config_checks_parts(config, PartedLog(Held((Part.of(table),)), table))
    return replace(next(iter(log.parts.each(_table))), notes=log.about.notes)


def on_config_checks_parts(config: Config, log: PartedLog) -> PartedLog:
    """The log as the config's validators would have checked it, as far as it can say; notes say how far.

    A set that is looser than the logged one is played on its own verdicts. What was never run, or did not run since
    another validator had failed before it, cannot be: then the verdicts stay as they were logged. So do they where a
    judge would have to be asked of answers that only pass without the others.
    """
    logged = tuple(log.about.verdicts)
    if "validators" not in config.model_fields_set or not logged:
        return log
    wanted = [str(one.options.get("name", one.use)) for one in config.validators]
    kept = tuple(name for name in logged if name in wanted)
    dropped = [name for name in logged if name not in kept]
    notes, parts, about = [], log.parts, log.about
    strange = [name for name in wanted if name not in logged]
    if strange:
        notes.append(f"the log has no verdicts of {', '.join(strange)}: replayed without; {_AGAIN}")
    if kept and dropped and config.judge is not None:
        notes.append(
            f"verdicts are as logged, with {', '.join(dropped)}: no judge was asked of what failed there; {_AGAIN}"
        )
    elif kept and dropped:
        counts = np.sum(list(log.parts.each(_Unsaid(kept))), axis=0)
        if counts[0] > MOST_UNSAID * counts[1]:
            notes.append(
                f"what {', '.join(kept)} would have said without {', '.join(dropped)} is not known of {counts[0]} "
                f"answers: verdicts are as logged; {_AGAIN}"
            )
        else:
            notes.append(f"checked by {', '.join(kept)}, as in the config; without {', '.join(dropped)}")
            parts, about = parts.kept(OnChecks(kept)), on_checks(about, kept)
    return PartedLog(parts, replace(about, notes=(*about.notes, *notes)))


def _table(part: Part) -> OutcomeTable:
    return part.table


@dataclass(frozen=True, slots=True)
class _Unsaid:
    """How many of a part's answers it is open what a set would have said of, and how many were checked."""

    names: tuple[str, ...]

    def __call__(self, part: Part) -> tuple[int, int]:
        unsaid = int(unsaid_by(part.table, self.names).sum())
        return unsaid, int(np.isfinite(whole_verdict(part.table)).sum())
