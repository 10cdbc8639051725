"""After an answer: is it right, and what would another tier do, now that this one is known?

For tasks whose checks prove little. Reads the question, the answer and the diagnostics (`answer_features`), runs
nothing, and scores an artefact of the kind `cascade.classifier.answer` in pure Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cascade.classifiers.answer_features import ANSWER_FEATURES, Answered, answer_features
from cascade.classifiers.artifact import ANSWER, Artifact, load
from cascade.classifiers.explanation import Estimate
from cascade.classifiers.features import TASK_FEATURES, feature_text, task_features
from cascade.classifiers.scoring import Scorer
from cascade.errors import InputError

SEEN_FEATURES = (*TASK_FEATURES, *ANSWER_FEATURES)


class AnswerClassifier:
    """P(this answer is right | task, answer, diagnostics), and P(another tier's first attempt passes | the same).

    The artefact's first tier is the one whose answers it was trained on. Raises InputError if the artefact
    is of another kind, or uses features that this version does not compute.
    """

    def __init__(self, artifact: Artifact) -> None:
        if artifact.kind != ANSWER:
            raise InputError(f"{artifact.name}: is a {artifact.kind}, not a {ANSWER}")
        self.artifact = artifact
        self._scorer = Scorer(artifact, SEEN_FEATURES)

    @classmethod
    def from_file(cls, path: str | Path) -> AnswerClassifier:
        """Load an artefact. Raises InputError if it cannot be read, or is none."""
        return cls(load(path, kind=ANSWER))

    @property
    def name(self) -> str:
        """`answer:` and the artefact's name."""
        return f"answer:{self.artifact.name}"

    @property
    def version(self) -> str:
        """The artefact's version."""
        return self.artifact.version

    @property
    def tier(self) -> str:
        """Whose answers it judges."""
        return self.artifact.tiers[0].name

    def right(self, item: Answered) -> Estimate:
        """P(this answer is right), with interval and reason."""
        return self.estimates(item, [self.tier])[self.tier]

    def estimates(self, item: Answered, tiers: Sequence[str]) -> Mapping[str, Estimate]:
        """For `self.tier` P(this answer is right), for others P(their first attempt passes | this answer).

        A tier that the artefact does not have is left out.
        """
        seen = self._scorer.see(seen_features(item), seen_texts(item), item.task.metadata)
        known = {weights.name: weights for weights in self.artifact.tiers}
        return {tier: self._scorer.estimate(known[tier], seen) for tier in tiers if tier in known}


def seen_features(item: Answered) -> tuple[float, ...]:
    """The values of `SEEN_FEATURES`."""
    return (*task_features(item.task), *answer_features(item))


def seen_texts(item: Answered) -> dict[str, str]:
    """The texts that are hashed, by source."""
    return {"prompt": feature_text(item.task), "answer": item.answer}
