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
    p, told = attempt.judged_p, attempt.judged
    return p is not None and told is not None and p < told.accept


def best_judged(attempts: Sequence[Attempt]) -> Attempt | None:
    """Of the answers on which the judge's word counts the likeliest to be right, the later of equals."""
    judged = [attempt for attempt in attempts if attempt.judged_p is not None]
    return max(judged, key=lambda one: (one.judged_p or 0.0, one.number), default=None)
