"""The judge at work: whose answers it judges, when it is asked, and what it said of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from cascade.classifiers.after_output import AnswerClassifier
from cascade.classifiers.answer_features import Answered
from cascade.types import Attempt, Judged, Task, Verdict

When: TypeAlias = Literal["unproven", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """After-output classifiers by the tier whose answers they judge.

    accept: least P(right) at which an answer that passed is accepted. when: `unproven` asks only where nothing that
    executes the answer passed; `always` after every verdict. reads: names of the checks that only read an answer.
    aliases: for each classifier's tier, the names it has for the others, by theirs in the config.
    """

    classifiers: Mapping[str, AnswerClassifier]
    accept: float = 0.6
    when: When = "unproven"
    reads: frozenset[str] = frozenset()
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def judged(self, task: Task, attempt: Attempt) -> Judged | None:
        """What it says of an answer; None of a tier that it does not know, and where it is not asked."""
        classifier = self.classifiers.get(attempt.tier)
        if classifier is None or attempt.verdict is None or not self._asked(attempt.verdict):
            return None
        others = {
            theirs: ours
            for ours, theirs in self.aliases.get(attempt.tier, {}).items()
            if ours != attempt.tier
        }
        item = Answered(task=task, answer=attempt.output, verdict=attempt.verdict)
        found = classifier.estimates(item, [classifier.tier, *others])
        right = found[classifier.tier]
        return Judged(
            judge=classifier.name,
            version=classifier.version,
            p=right.p,
            low=right.low,
            high=right.high,
            reason=right.reason,
            accept=self.accept,
            others={others[name]: one.p for name, one in found.items() if name in others},
        )

    def _asked(self, verdict: Verdict) -> bool:
        if self.when == "always":
            return True
        return not any(one.status == "passed" and one.name not in self.reads for one in verdict.reports)


def doubted(attempt: Attempt) -> bool:
    """Whether nothing failed, and the judge holds the answer for too unlikely to be right to be accepted."""
    told = attempt.judged
    return told is not None and told.p < told.accept and decides(attempt)


def decides(attempt: Attempt) -> bool:
    """Whether the judge's word counts: the answer passed, or there was nothing to check.

    A check that failed, or that could not check, stands whatever the judge says.
    """
    verdict = attempt.verdict
    if attempt.judged is None or verdict is None or attempt.error is not None:
        return False
    return verdict.status == "passed" or not verdict.reports


def best_judged(attempts: Sequence[Attempt]) -> Attempt | None:
    """Of the answers on which the judge's word counts the likeliest to be right, the later of equals."""
    judged = [attempt for attempt in attempts if decides(attempt)]
    return max(judged, key=lambda one: (one.judged.p if one.judged else 0.0, one.number), default=None)
