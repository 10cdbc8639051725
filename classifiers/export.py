"""A fitted estimator to an artefact that scores without scikit-learn."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from cascade.classifiers.artifact import Artifact, Card, TextFeatures, TierWeights, Unknown, dump
from cascade.classifiers.calibration import expected_error
from cascade.classifiers.intervals import wilson
from cascade.classifiers.training import BlendEstimator, Floats

# Weights below this move no probability by anything that counts; they are left out of the file.
_NEGLIGIBLE = 1e-12


def held_out_figures(estimator: BlendEstimator[Any], y: Floats, tiers: Sequence[str]) -> dict[str, float]:
    """Squared error and calibration error on held-out items, beside the base rates'. y: as it was fitted on."""
    held = estimator.held_out_
    seen = ~np.isnan(y) & ~np.isnan(held)
    found = {
        "brier_held_out": float(((held - y)[seen] ** 2).mean()),
        "brier_base_rates": float(((estimator.base_rates_ - y)[seen] ** 2).mean()),
    }
    for t, tier in enumerate(tiers):
        rows = seen[:, t]
        found[f"calibration_error:{tier}"] = expected_error(held[rows, t], y[rows, t])
    return found


def to_artifact(
    estimator: BlendEstimator[Any],
    y: Floats,
    tiers: Sequence[str],
    *,
    name: str,
    card: Card,
    models: Mapping[str, Sequence[str]] | None = None,
) -> Artifact:
    """The estimator fitted on outcomes `y`, for tiers of these names (the columns of `y`, cheapest first).

    models: for each tier the model strings it stands for, beside its name. The version is a digest of the
    content, so the same log gives the same version.
    """
    columns = [
        _tier(estimator, y, t, name=tier, models=tuple((models or {}).get(tier, ())))
        for t, tier in enumerate(tiers)
    ]
    rates = [column.base_rate for column in columns]
    texts = tuple(
        TextFeatures(source=view.source, metadata=view.metadata, **asdict(view.spec))
        for view in estimator.texts
    )
    artifact = Artifact(
        schema=1,
        kind=estimator.kind,
        name=name,
        version="",
        card=card,
        features=estimator.spec_.model_copy(update={"texts": texts}),
        tiers=tuple(columns),
        unknown=Unknown(cheapest=min(rates), dearest=max(rates)),
    )
    digest = hashlib.sha256(dump(artifact).encode()).hexdigest()[:12]
    return artifact.model_copy(update={"version": digest})


def _tier(
    estimator: BlendEstimator[Any], y: Floats, t: int, *, name: str, models: tuple[str, ...]
) -> TierWeights:
    known = ~np.isnan(y[:, t]) & ~np.isnan(estimator.held_out_[:, t])
    count = int(estimator.counts_[t])
    rate = float(estimator.base_rates_[t])
    low, high = wilson(rate * count, count)
    off = expected_error(estimator.held_out_[known, t], y[known, t], bins=5)
    hand_made, *texts = (weights[:, t] for weights in estimator.fit_.weights)
    return TierWeights(
        name=name,
        models=models,
        n_tasks=count,
        base_rate=rate,
        intercept=float(estimator.fit_.intercept[t]),
        weights=tuple(_rounded(weight) for weight in hand_made),
        text_weights=tuple(
            {int(b): _rounded(weights[b]) for b in np.flatnonzero(abs(weights) > _NEGLIGIBLE)}
            for weights in texts
        ),
        calibration=estimator.calibrations_[t],
        half_width=min(1.0, (high - low) / 2 + off),
    )


def _rounded(weight: float) -> float:
    """Twelve decimals: a third of the file less, and no probability moves by 1e-9."""
    return round(float(weight), 12)
