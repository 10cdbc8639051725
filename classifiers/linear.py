"""P(pass) by tier from a trained artefact: microseconds, the same time at any prompt length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cascade.classifiers.artifact import Artifact, TierWeights, default, load
from cascade.classifiers.explanation import Estimate, Explanation, by_place, within
from cascade.classifiers.features import TASK_FEATURES, feature_text, task_features
from cascade.classifiers.scoring import Scorer
from cascade.types import Task


class LinearClassifier:
    """P(pass) by tier from a trained artefact.

    models: tier to the model string behind it. With it, a tier is known if the artefact was trained on that
    model, whatever the tier is called; without it, or where the artefact names no models, the tier's name is
    believed. Of anything else it says the base rate of the tier's place, a wide interval, and that it does
    not know. Raises InputError if the artefact uses features that this version does not compute.
    """

    def __init__(self, artifact: Artifact, *, models: Mapping[str, str] | None = None) -> None:
        self.artifact = artifact
        self._scorer = Scorer(artifact, TASK_FEATURES)
        self._models = models

    @classmethod
    def from_file(cls, path: str | Path, *, models: Mapping[str, str] | None = None) -> LinearClassifier:
        """Load an artefact. Raises InputError if it cannot be read, or is none."""
        return cls(load(path), models=models)

    @classmethod
    def default(cls, *, models: Mapping[str, str] | None = None) -> LinearClassifier:
        """The artefact that ships (see its card in docs/classifiers.md)."""
        return cls(default(), models=models)

    @property
    def name(self) -> str:
        """`linear:` and the artefact's name."""
        return f"linear:{self.artifact.name}"

    @property
    def version(self) -> str:
        """The artefact's version."""
        return self.artifact.version

    def probabilities(self, task: Task, tiers: Sequence[str]) -> dict[str, float]:
        """P(a first attempt passes) for every name in `tiers`, cheapest first."""
        return {tier: estimate.p for tier, estimate in self.explain(task, tiers).estimates.items()}

    def explain(self, task: Task, tiers: Sequence[str]) -> Explanation:
        """The same with intervals and reasons."""
        seen = self._scorer.see(task_features(task), {"prompt": feature_text(task)}, task.metadata)
        estimates: dict[str, Estimate] = {}
        for place, tier in enumerate(tiers):
            weights = self._weights(tier)
            if weights is None:
                estimates[tier] = self._unknown(tier, place=place, count=len(tiers))
            else:
                estimates[tier] = self._scorer.estimate(weights, seen)
        unknown = [tier for tier, estimate in estimates.items() if not estimate.known]
        card = self.artifact.card
        reason = f"{self.name} trained on {card.n_tasks} tasks ({card.trained_on})"
        if unknown:
            reason += f"; knows nothing of {', '.join(unknown)} here: base rates, wide intervals"
        return Explanation(estimates=estimates, reason=reason)

    def _weights(self, tier: str) -> TierWeights | None:
        """The column for this tier: by the model behind it, or by name if the artefact names no models."""
        for weights in self.artifact.tiers:
            if (self._models is None or not weights.models) and tier == weights.name:
                return weights
            if self._models is not None and self._models.get(tier) in (weights.name, *weights.models):
                return weights
        return None

    def _unknown(self, tier: str, *, place: int, count: int) -> Estimate:
        unknown = self.artifact.unknown
        p = by_place(unknown.cheapest, unknown.dearest, place=place, count=count)
        low, high = within(p, unknown.half_width)
        model = f" ({self._models.get(tier, '')})" if self._models is not None else ""
        reason = f"never trained on {tier}{model}: a guess by its place, not an estimate"
        return Estimate(p=p, low=low, high=high, known=False, reason=reason)
