"""Replays a plan over a log's parts, with all its baselines: the figures of one table, however it is cut.

Two passes: the plan and each tier alone; then what can only be chosen when these are known (the random mix of
the plan's cost, the best fixed order, the oracle). Sums are exact, the fixed order is searched on tasks drawn
by their ids, so that nothing depends on the cut. One table is a log of one part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cascade.errors import SupportError, listed
from cascade.policy.steps import Verifier
from cascade.replay.baselines import FORESIGHT, Figures, Mix, always, best_fixed, best_mix, mixed, oracle
from cascade.replay.engine import play
from cascade.replay.exact import added
from cascade.replay.orders import SEARCH_TASKS
from cascade.replay.parts import Held, Part, Parts, Sample
from cascade.replay.plans import CheckedPlan, FixedPlan, Plan
from cascade.replay.rates import on_checks
from cascade.replay.replay import Replayed, told
from cascade.replay.sums import Sums
from cascade.replay.table import OutcomeTable

_MOST_UNKNOWN = 0.02


def replay_table(table: OutcomeTable, plan: Plan, *, verifier: Verifier | None = None) -> Replayed:
    """Replay a plan on outcomes that are known.

    Raises SupportError if the plan asks on some task for what the table does not hold.
    """
    return replay_parts(Held((Part.of(table),)), plan, about=table, verifier=verifier)


def replay_parts(
    parts: Parts[Part], plan: Plan, *, about: OutcomeTable, verifier: Verifier | None = None
) -> Replayed:
    """Replay a plan on a log in parts.

    about: the log's tiers and notes; a part of it without tasks will do. Raises SupportError as `replay_table`.
    """
    if isinstance(plan, CheckedPlan):
        parts, plan = parts.kept(OnChecks(plan.validators)), plan.plan
    first = _Firsts()
    for found in parts.each(_First(plan, verifier)):
        first.add(found)
    first.check(plan.name)
    config = first.config.figures("config")
    notes = about.notes
    if first.unknown:
        left_out = f"{first.unknown} tasks lack an outcome or a cost that was asked for: left out"
        notes = (*notes, left_out)
    notes = (*notes, *first.told())
    exact = "imputed" if about.imputed_share else "exact"
    return Replayed(
        n_tasks=first.known,
        estimator=exact,
        support={
            "kind": exact,
            "share": round(1.0 - about.imputed_share, 4),
            "notes": told(replace(about, notes=notes), first.known),
        },
        policies=(config, *_baselines(parts, plan, first, about=about, verifier=verifier)),
    )


def _baselines(
    parts: Parts[Part], plan: Plan, first: _Firsts, *, about: OutcomeTable, verifier: Verifier | None
) -> list[Figures]:
    """Each tier alone, the random mix of the config's cost, the best fixed order, the oracle."""
    tiers = [tier for tier in about.tiers if not first.gaps[tier]]
    alone = {tier: first.alone[tier].figures(f"always:{tier}") for tier in tiers}
    if not tiers:
        return []
    config = first.config.figures("config")
    mix = best_mix(alone, config.cost.mean)
    fixed = best_fixed(first.sample.drawn().only(tiers), config.success.mean, verifier=verifier)
    job = _Second(plan if first.unknown else None, tuple(tiers), mix, fixed, verifier)
    second: dict[str, Sums] = {}
    for found in parts.each(job):
        second = {name: second.get(name, Sums()) + sums for name, sums in found.items()}
    details = {"random": mix.detail, "oracle": FORESIGHT}
    if fixed is not None:
        details["fixed"] = f"{fixed.label} (chosen with hindsight)"
    return [*alone.values(), *(sums.figures(name, detail=details[name]) for name, sums in second.items())]


@dataclass(frozen=True, slots=True)
class OnChecks:
    """A part as some of its validators would have checked it."""

    validators: tuple[str, ...]

    def __call__(self, part: Part) -> Part:
        return replace(part, table=on_checks(part.table, self.validators))


@dataclass(frozen=True, slots=True)
class _Found:
    """One part's first pass. gaps: tasks of which a tier alone is not known, by tier."""

    known: int
    unknown: int
    missing: dict[str, int]
    config: Sums
    alone: dict[str, Sums]
    gaps: dict[str, int]
    sample: OutcomeTable


@dataclass(frozen=True, slots=True)
class _First:
    """The plan and each tier alone, over the tasks for which the log can say what the plan would have done."""

    plan: Plan
    verifier: Verifier | None

    def __call__(self, part: Part) -> _Found:
        played = play(part.table, self.plan, verifier=self.verifier)
        known = part.rows(~played.unknown)
        alone = always(known.table, verifier=self.verifier)
        return _Found(
            known=len(known.table),
            unknown=int(played.unknown.sum()),
            missing=played.missing,
            config=Sums.of(played),
            alone={tier: Sums.of(one) for tier, one in alone.items()},
            gaps={tier: int(one.unknown.sum()) for tier, one in alone.items()},
            sample=known.lowest(SEARCH_TASKS),
        )


@dataclass(slots=True)
class _Firsts:
    """All parts' first passes."""

    known: int = 0
    unknown: int = 0
    missing: dict[str, float] = field(default_factory=dict)
    config: Sums = field(default_factory=Sums)
    alone: dict[str, Sums] = field(default_factory=dict)
    gaps: dict[str, float] = field(default_factory=dict)
    sample: Sample = field(default_factory=lambda: Sample(SEARCH_TASKS))

    def add(self, found: _Found) -> None:
        """Take in one part."""
        self.known += found.known
        self.unknown += found.unknown
        self.missing = added(self.missing, found.missing)
        self.config += found.config
        self.alone = {tier: self.alone.get(tier, Sums()) + sums for tier, sums in found.alone.items()}
        self.gaps = added(self.gaps, found.gaps)
        self.sample.add(found.sample)

    def told(self) -> list[str]:
        """What the baselines lack, and costs that say nothing."""
        lacking = [f"always:{tier} ({count:.0f} tasks)" for tier, count in self.gaps.items() if count]
        found = []
        if lacking:
            found.append(
                f"no figures where the outcome or cost of some tasks is not known: {listed(lacking)}"
            )
        if not self.config.cost.first and not any(one.cost.first for one in self.alone.values()):
            found.append(
                "every cost in this log is 0: figures in USD say nothing (--cost TIER=USD gives prices)"
            )
        return found

    def check(self, name: str) -> None:
        """Raise SupportError if too many tasks are not known."""
        share = self.unknown / max(self.known + self.unknown, 1)
        if self.known and share <= _MOST_UNKNOWN:
            return
        arms = ", ".join(f"{arm} (on {count:.0f})" for arm, count in self.missing.items())
        raise SupportError(
            f"the log cannot say what {name} would have done on {share:.0%} of the tasks: it does not hold "
            f"the outcome or the cost of {arms}",
            hint="leave those steps out of the config, or log them (explore); a missing cost can be "
            "given with --cost TIER=USD",
        )


@dataclass(frozen=True, slots=True)
class _Second:
    """What was chosen when the first pass was known. plan: to leave out tasks again that it cannot be said of."""

    plan: Plan | None
    tiers: tuple[str, ...]
    mix: Mix
    fixed: FixedPlan | None
    verifier: Verifier | None

    def __call__(self, part: Part) -> Mapping[str, Sums]:
        if self.plan is not None:
            part = part.rows(~play(part.table, self.plan, verifier=self.verifier).unknown)
        table = part.table
        pair = always(table, only=(self.mix.low, self.mix.high), verifier=self.verifier)
        found = {"random": Sums.of(mixed(pair, self.mix, self.tiers))}
        if self.fixed is not None:
            found["fixed"] = Sums.of(play(table, self.fixed, verifier=self.verifier))
        return {**found, "oracle": Sums.of(oracle(table, self.tiers))}
