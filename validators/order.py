"""In which order validators run: cheapest and most likely to fail first, learnt from traces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cascade.validators.base import Validator

V = TypeVar("V", bound=Validator)
# Where nothing was learnt: parse, then look, then run.
DEFAULT_STAGE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """What was seen of one validator: how often it ran and failed, and the seconds it took in all."""

    runs: int
    failures: int
    seconds: float

    @property
    def price_of_failure(self) -> float:
        """Expected seconds spent for each failure found, with one run of each outcome as prior.

        Running independent checks by rising cost over failure probability minimises the expected time until
        the first failure: swap two neighbours and compare.
        """
        mean_s = (self.seconds + 0.01) / (self.runs + 1)
        return mean_s / ((self.failures + 1) / (self.runs + 2))


def learn(records: Iterable[Mapping[str, Any]]) -> dict[str, Experience]:
    """Experience by validator name from the `validation.finished` lines of a trace (design 5.5)."""
    counts: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for record in records:
        if record.get("event") != "validation.finished":
            continue
        for report in record["validators"]:
            if report["status"] == "unchecked":
                continue
            entry = counts[report["name"]]
            entry[0] += 1
            entry[1] += report["status"] == "failed"
            entry[2] += report["latency_s"]
    return {
        name: Experience(runs=int(runs), failures=int(failures), seconds=seconds)
        for name, (runs, failures, seconds) in counts.items()
    }


def stages(validators: Sequence[V], experience: Mapping[str, Experience] | None = None) -> list[list[V]]:
    """Groups to run one after the other; the members of a group run at once.

    Without experience: by the validator's `stage` attribute (0 parses, 1 reads, 2 executes). With it: one by
    one by rising price of a failure; a validator never seen keeps its stage's place, after the known ones.
    """
    if experience and any(validator.name in experience for validator in validators):
        known = [validator for validator in validators if validator.name in experience]
        known.sort(key=lambda validator: experience[validator.name].price_of_failure)
        rest = [validator for validator in validators if validator.name not in experience]
        return [[validator] for validator in known] + stages(rest)
    groups: dict[int, list[V]] = defaultdict(list)
    for validator in validators:
        groups[getattr(validator, "stage", DEFAULT_STAGE)].append(validator)
    return [groups[stage] for stage in sorted(groups)]
