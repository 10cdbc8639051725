"""Beliefs about a task as weights over a few latent classes (easy ... hopeless), updated by every failure.

Failures are correlated: what defeats one model tends to defeat the next, and itself again. A task is taken
to belong to one of K classes that nobody sees; given the class, attempts are independent. Each failed
attempt, and what it left behind (its cost, tokens, diagnostics), moves the weights by Bayes' rule, so that
P(next passes | these failed) needs no table of every combination (latent class model: Lazarsfeld and
Henry, 1968; with classes on a line it is item response theory: Bock and Aitkin, 1981).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cascade.evidence import figure
from cascade.policy.base import Situation
from cascade.policy.steps import Estimate, Step, Verifier, step_of
from cascade.types import History

_FLOOR = 1e-9
_SURE = 0.001
TOLD_OFFSET = 1e-9
"""Added to the odds that a classifier tells, before their logarithm is taken."""


@dataclass(frozen=True, slots=True)
class Trace:
    """How log(offset + x) of a figure that a rejected attempt leaves behind is spread, class by class.

    weight: the power its likelihood is raised to; below 1 where figures repeat each other.
    """

    mean: tuple[float, ...]
    sd: float
    weight: float = 1.0
    offset: float = 1.0

    def likelihoods(self, value: float) -> list[float]:
        """The (tempered) Gaussian likelihood of `value` by class, up to a factor."""
        x = math.log(max(value, 0.0) + self.offset)
        return _likelihoods([-0.5 * ((x - mean) / self.sd) ** 2 * self.weight for mean in self.mean])


@dataclass(frozen=True, slots=True)
class Flag:
    """How often a figure that is 0 or 1 (which check failed, the same answer again) is 1, class by class.

    weight: as in `Trace`. A share between 0 and 1 counts as so much of a 1.
    """

    p: tuple[float, ...]
    weight: float = 1.0

    def likelihoods(self, value: float) -> list[float]:
        """The (tempered) Bernoulli likelihood of `value` by class, up to a factor."""
        x = min(max(value, 0.0), 1.0)
        return _likelihoods([self.weight * (x * math.log(p) + (1 - x) * math.log1p(-p)) for p in self.p])


def _likelihoods(logs: Sequence[float]) -> list[float]:
    top = max(logs)
    return [math.exp(log - top) for log in logs]


@dataclass(frozen=True, slots=True)
class Arm:
    """What is known of one kind of step: P(right | class), mean USD by class, how much that rests on."""

    step: Step
    p: tuple[float, ...]
    cost_usd: tuple[float, ...] | None = None
    evidence: float = 10.0
    traces: Mapping[str, Trace | Flag] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LatentEstimates:
    """Arms over shared classes.

    weights: the classes' shares, summing to 1. told: how the classifier's odds of a task (their geometric mean over
    the tiers) are spread by class; then they are evidence, and each tier's arms are shifted on the logit scale
    to meet its P(first attempt passes). None: the classifier is not asked, unless there are no arms. slope:
    of an unknown tier's logit over the standard normal `line`. mend: what is left of the pass probability
    at an attempt beyond those known. known_only: whether steps that the arms do not describe are ruled out
    rather than guessed at. output_tokens: the mean of a first answer by tier, where the log has it. A step that
    no arm describes exactly is taken for the nearest that one does: the same attempt shown otherwise, then an
    earlier attempt at that tier.
    """

    weights: tuple[float, ...]
    arms: Mapping[Step, Arm] = field(default_factory=dict)
    line: tuple[float, ...] = ()
    told: Trace | None = None
    known_only: bool = False
    slope: float = 2.0
    mend: float = 0.3
    version: str = "prior-1"
    output_tokens: Mapping[str, float] = field(default_factory=dict)

    def belief(self, situation: Situation, verifier: Verifier) -> LatentBelief:
        """See `Estimates`."""
        weights, shifts = self.weights, dict[str, float]()
        if self.told is not None or not self.arms:
            weights = self._told(situation.probabilities)
            shifts = {tier: self._shift(tier, p, weights) for tier, p in situation.probabilities.items()}
        belief = LatentBelief(self, weights, shifts, verifier)
        for attempt, figures in zip(situation.attempts, situation.left_behind, strict=True):
            if attempt.error is None and attempt.verdict is not None and attempt.verdict.status == "failed":
                belief = belief.rejected(step_of(attempt)).saw(step_of(attempt), figures)
            elif attempt.judged_p is not None:
                belief = belief.doubted(step_of(attempt), attempt.judged_p)
        return belief.told(self._others(situation))

    def _others(self, situation: Situation) -> Mapping[str, float]:
        """What the last judge said of tiers that were not tried yet."""
        tried = {attempt.tier for attempt in situation.attempts}
        judged = [one.judged for one in situation.attempts if one.judged and one.judged_p is not None]
        return {tier: p for tier, p in judged[-1].others.items() if tier not in tried} if judged else {}

    def histories(self, tier: str, attempt: int, after: str | None) -> Sequence[History]:
        """See `Estimates`."""
        return [
            step.history
            for step in self.arms
            if step.tier == tier and step.attempt == attempt and step.after in (None, after)
        ]

    def allows(self, step: Step, last: str | None = None) -> bool:
        """See `Estimates`."""
        arm, beyond = self.arm(step)
        return not self.known_only or (arm is not None and not beyond and arm.step.after in (None, last))

    def arm(self, step: Step) -> tuple[Arm | None, int]:
        """The arm that describes a step best, and how many attempts beyond it the step is."""
        for attempt in range(step.attempt, 0, -1):
            for shown in (
                Step(step.tier, attempt, step.after, step.history),
                Step(step.tier, attempt),
                Step(step.tier, attempt, step.tier, "diagnostics"),
                Step(step.tier, attempt, step.tier, "full"),
            ):
                if shown in self.arms:
                    return self.arms[shown], step.attempt - attempt
        return None, step.attempt - 1

    def passing(self, step: Step, shift: float) -> list[float]:
        """P(right | class) of a step, with its tier's logits shifted."""
        arm, beyond = self.arm(step)
        if arm is None:
            p = [_sigmoid(self.slope * z + shift) for z in self.line or _line(len(self.weights))]
        elif shift:
            p = [_sigmoid(_logit(q) + shift) for q in arm.p]
        else:
            p = list(arm.p)
        fade = self.mend**beyond
        return [fade * q for q in p] if beyond else p

    def _told(self, probabilities: Mapping[str, float]) -> tuple[float, ...]:
        """The classes' weights given what the classifier says of a task's tiers, of those described, before any
        attempt."""
        described = {step.tier for step in self.arms}
        logits = [_logit(_unsure(p)) for tier, p in probabilities.items() if tier in described]
        if self.told is None or not logits:
            return self.weights
        likelihoods = self.told.likelihoods(math.exp(sum(logits) / len(logits)))
        raw = [w * max(one, _FLOOR) for w, one in zip(self.weights, likelihoods, strict=True)]
        return tuple(one / sum(raw) for one in raw)

    def _shift(self, tier: str, p: float, weights: Sequence[float]) -> float:
        """The logit shift at which a first attempt's mean over the classes is p (bisection)."""
        return _shift_to(p, self.passing(Step(tier), 0.0), weights)


@dataclass(frozen=True, slots=True)
class LatentBelief:
    """See `Belief`: the classes' weights for one task, after what was seen of it."""

    estimates: LatentEstimates
    weights: tuple[float, ...]
    shifts: Mapping[str, float]
    verifier: Verifier
    known: dict[Step, list[float]] = field(default_factory=dict, compare=False, repr=False)
    """P(right | class) by step, shared with the beliefs that follow from this one."""

    def estimate(self, step: Step) -> Estimate:
        """See `Belief`."""
        passing = self._passing(step)
        p = sum(w * q for w, q in zip(self.weights, passing, strict=True))
        arm, _ = self.estimates.arm(step)
        if arm is None:
            return Estimate(p=p)
        if arm.cost_usd is None:
            return Estimate(p=p, evidence=arm.evidence)
        cost = sum(w * c for w, c in zip(self.weights, arm.cost_usd, strict=True))
        usual = sum(w * c for w, c in zip(self.estimates.weights, arm.cost_usd, strict=True))
        ratio = cost / usual if usual > 0 else 1.0
        return Estimate(p=p, cost_usd=cost, cost_ratio=ratio, evidence=arm.evidence)

    def rejected(self, step: Step) -> LatentBelief:
        """See `Belief`."""
        factors = [1 - self.verifier.passes(p) for p in self._passing(step)]
        return self._updated(factors)

    def doubted(self, step: Step, p: float) -> LatentBelief:
        """The belief after an answer that nothing proves is judged right with probability `p`.

        What is believed if it is right and if it is wrong, mixed in that proportion (R. Jeffrey, The Logic of
        Decision, 1965, chapter 11).
        """
        passing = self._passing(step)
        right = min(max(sum(w * q for w, q in zip(self.weights, passing, strict=True)), _FLOOR), 1 - _FLOOR)
        return self._updated([p * q / right + (1 - p) * (1 - q) / (1 - right) for q in passing])

    def told(self, probabilities: Mapping[str, float]) -> LatentBelief:
        """The belief after P(first attempt is right) of some tiers was told: their logits are shifted to meet it."""
        if not probabilities:
            return self
        plain = {tier: self.estimates.passing(Step(tier), 0.0) for tier in probabilities}
        found = {tier: _shift_to(p, plain[tier], self.weights) for tier, p in probabilities.items()}
        return replace(self, shifts={**self.shifts, **found}, known={})

    def stands(self, step: Step) -> float:
        """See `Belief`."""
        rights = [self.verifier.right_if_rejected(p) for p in self._passing(step)]
        return sum(w * right for w, right in zip(self.weights, rights, strict=True))

    def saw(self, step: Step, figures: Mapping[str, float]) -> LatentBelief:
        """The belief after a rejected step is also known to have left these figures behind."""
        arm, _ = self.estimates.arm(step)
        belief = self
        for name, trace in (arm.traces if arm is not None else {}).items():
            value = figure(figures, name)
            if math.isfinite(value):
                belief = belief._updated(trace.likelihoods(value))
        return belief

    def _passing(self, step: Step) -> list[float]:
        passing = self.known.get(step)
        if passing is None:
            passing = self.estimates.passing(step, self.shifts.get(step.tier, 0.0))
            self.known[step] = passing
        return passing

    def _updated(self, factors: Sequence[float]) -> LatentBelief:
        raw = [w * max(f, _FLOOR) for w, f in zip(self.weights, factors, strict=True)]
        total = sum(raw)
        return replace(self, weights=tuple(w / total for w in raw))


def _shift_to(p: float, passing: Sequence[float], weights: Sequence[float]) -> float:
    logits = [_logit(q) for q in passing]
    target = _unsure(p)
    low, high = -20.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        mean = sum(w * _sigmoid(x + middle) for w, x in zip(weights, logits, strict=True))
        low, high = (middle, high) if mean < target else (low, middle)
    return (low + high) / 2


def stated_prior(*, slope: float = 2.0, mend: float = 0.3, classes: int = 9) -> LatentEstimates:
    """What to believe before there is a log: failures are correlated, a retry mends little.

    slope 2.0 puts a latent correlation of 0.55 between any two tiers' failures (4 of 4 + pi^2/3 of the
    variance); mend 0.3 is the share of the pass probability left to one more attempt at the same tier,
    between what small models (0 to 0.13, recordings/humaneval) and large ones (0.39, aider's polyglot
    board) mended. Both are beliefs, to be replaced by `cascade tune`.
    """
    line = _line(classes)
    return LatentEstimates(weights=(1 / classes,) * classes, line=line, slope=slope, mend=mend)


def _line(classes: int) -> tuple[float, ...]:
    """Standard normal quantiles at the middles of `classes` equal shares, hardest first."""
    from statistics import NormalDist

    normal = NormalDist()
    return tuple(normal.inv_cdf((k + 0.5) / classes) for k in range(classes))


def _unsure(p: float) -> float:
    """A classifier's probability, kept away from 0 and 1."""
    return min(max(p, _SURE), 1 - _SURE)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))
