"""A judge that finds an answer likely right (0.8) or, where an equation in it is wrong, unlikely (0.2)."""

from __future__ import annotations

from cascade.classifiers.after_output import AnswerClassifier
from cascade.classifiers.artifact import ANSWER, Artifact, Calibration, Card, FeatureSpec, TierWeights
from cascade.policy.judge import Judge, When

RIGHT, WRONG = "2 + 2 = 4, so 4", "2 + 2 = 5, so 5"
READS = frozenset({"ruff", "extract"})


def artifact(tier: str = "flash", *others: str) -> Artifact:
    """Reads one feature. Of the other tiers it says 0.9 after a likely answer, 0.5 after an unlikely one."""
    straight = Calibration(x=(0.0, 1.0), y=(0.0, 1.0))

    def weights(name: str, fine: float, wrong: float) -> TierWeights:
        return TierWeights(
            name=name,
            n_tasks=100,
            base_rate=0.5,
            intercept=fine,
            weights=(wrong - fine,),
            calibration=straight,
            half_width=0.1,
        )

    return Artifact(
        schema=1,
        kind=ANSWER,
        name="sums",
        version="v1",
        card=Card(trained_on="two sums", date="2026-11-26", n_tasks=100),
        features=FeatureSpec(
            names=("any_equation_wrong",), centre=(0.0,), scale=(1.0,), low=(0.0,), high=(1.0,)
        ),
        tiers=(weights(tier, 0.8, 0.2), *(weights(other, 0.9, 0.5) for other in others)),
    )


def judge(*tiers: str, accept: float = 0.6, when: When = "unproven", others: tuple[str, ...] = ()) -> Judge:
    """One of these tiers' answers (default: flash)."""
    named = tiers or ("flash",)
    return Judge(
        classifiers={tier: AnswerClassifier(artifact(tier, *others)) for tier in named},
        accept=accept,
        when=when,
        reads=READS,
        aliases={tier: {name: name for name in (tier, *others)} for tier in named},
    )
