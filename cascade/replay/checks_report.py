"""What was learnt of a log's validators, for people and as a document: their error rates, and which ones pay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cascade.replay.checks import CheckSums, Names
from cascade.replay.error_sums import Rate, Rates
from cascade.replay.marks import Marginal
from cascade.replay.parts import Part, Parts
from cascade.replay.table import OutcomeTable

_ENOUGH = 20


@dataclass(frozen=True, slots=True)
class ChecksReport:
    """What was learnt, ready to be shown. seconds: mean a check, by validator. told: whether any truth is known.

    names: the validators with verdicts of their own.
    """

    sums: CheckSums
    names: Names
    seconds: dict[str, float]
    told: bool

    def document(self) -> dict[str, Any]:
        """As JSON types."""
        whole = self.sums.whole.rates
        return {
            "learnt": None if whole is None else rates_document(whole),
            "by_tier": {tier: rates_document(rates) for tier, rates in self._tiers().items()},
            "sets": [
                {"validators": list(one), **rates_document(rates)}
                for one, sums in self.sums.sets.items()
                if self.sums.known(one) and (rates := sums.rates) is not None
            ],
            "unknown_sets": [list(one) for one in self.sums.sets if not self.sums.known(one)],
            "seconds": self.seconds,
            "words": self.words(),
        }

    def words(self) -> list[str]:
        """How often the checks err, and which validators pay."""
        several = len(self.names) > 1
        if not self.told:
            return [_blind(self.names)] if several else []
        whole = self.sums.whole.rates
        if whole is None:
            return []
        tiers = self._tiers()
        found = [f"the checks {described(whole)}", *_caveats(whole)]
        found += [f"  on {tier} they {described(rates)}" for tier, rates in tiers.items() if len(tiers) > 1]
        return [*found, *self._alone(), *self._paying()] if several else found

    def _tiers(self) -> dict[str, Rates]:
        """By tier, where there is enough of both kinds of answers."""
        rates = {tier: sums.rates for tier, sums in self.sums.tiers.items()}
        return {tier: one for tier, one in rates.items() if one is not None and _enough(one)}

    def _alone(self) -> list[str]:
        """Each validator by itself, where the log can say that."""
        rates = {name: self.sums.sets[name,].rates for name in self.names if self.sums.known((name,))}
        return [
            f"  {name} alone {described(one, single=True)}{self._time(name)}"
            for name, one in rates.items()
            if one is not None
        ]

    def _paying(self) -> list[str]:
        """What each validator adds to the others, where the log can say that."""
        found = [
            f"  {lesson(name, self.names, one)}"
            for name, one in self.sums.marginals.items()
            if self._judged(name)
        ]
        hidden = [name for name in self.names if not self._judged(name)]
        if hidden:
            found.insert(
                0,
                f"  whether {', '.join(hidden)} pays cannot be judged: the checks stopped at the first failure; with "
                "`checks: {stop_early: false}` a run, or `replay --revalidate`, lets every validator have its say",
            )
        return found

    def _judged(self, name: str) -> bool:
        """Whether it is known what the others would have said without this one."""
        return self.sums.known(tuple(other for other in self.names if other != name))

    def _time(self, name: str) -> str:
        return f" ({self.seconds[name]:.3g} s a check)" if name in self.seconds else ""


def checks_report(table: OutcomeTable, sums: CheckSums | None = None) -> ChecksReport | None:
    """What a log says of its checks; None where it holds no verdict apart from the truth, nor any by validator.

    sums: over all parts, where the table is a part of the log.
    """
    if table.accepted is None and not table.verdicts:
        return None
    found = CheckSums.of(table) if sums is None else sums
    return ChecksReport(found, tuple(table.verdicts), dict(table.check_seconds), table.accepted is not None)


def log_checks(parts: Parts[Part], about: OutcomeTable) -> ChecksReport | None:
    """As `checks_report`, of a log in parts. about: a part without tasks."""
    sums = sum(parts.each(_sums), CheckSums()) if about.accepted is not None else None
    return checks_report(about, sums)


def _sums(part: Part) -> CheckSums:
    return CheckSums.of(part.table)


def lesson(name: str, names: Sequence[str], one: Marginal) -> str:
    """Whether a validator pays beside the others, in words."""
    others = [other for other in names if other != name]
    they = others[0] if len(others) == 1 else "the others"
    pass_ = "lets" if len(others) == 1 else "let"
    right, wrong = f"{one.right:.0f} right answers", f"{one.wrong:.0f} wrong ones"
    if one.caught == 0 and one.rejected == 0:
        return (
            f"{name} rejects none of the {right} and {wrong} that {they} {pass_} pass: it adds nothing, "
            "leave it out"
        )
    if one.caught == 0:
        return (
            f"{name} rejects {one.rejected:.0f} of {right} that {they} {pass_} pass and catches none of the "
            f"{wrong}: leave it out"
        )
    caught = f"{name} catches {one.caught:.0f} of {one.wrong:.0f} wrong answers that {they} {pass_} pass"
    if one.rejected == 0:
        return f"{caught} and rejects none of the {one.right:.0f} right ones: keep it"
    return (
        f"{caught} and rejects {one.rejected:.0f} of {one.right:.0f} right ones: whether it pays depends on what a "
        "solved task is worth"
    )


def described(rates: Rates, *, single: bool = False) -> str:
    """Both rates with intervals and counts; of one validator or of several."""
    s = "s" if single else ""
    right, wrong = _rate(rates.accepts_right), _rate(rates.rejects_wrong)
    return f"accept{s} {right} right answers and reject{s} {wrong} wrong ones"


def _rate(rate: Rate) -> str:
    if rate.n == 0:
        return "an unknown share of 0"
    return f"{rate.share:.1%} ({rate.low:.1%} to {rate.high:.1%}) of {rate.n:.0f}"


def _caveats(rates: Rates) -> list[str]:
    if "rejections" in rates.unseen:
        unseen = "no rejected answer has a truth: false rejections cannot be seen, and none are assumed"
        return [f"  {unseen}; label some rejected answers too"]
    if "acceptances" in rates.unseen:
        return ["  no accepted answer has a truth: wrong ones that pass cannot be seen, and none are assumed"]
    weighted = (
        "not every checked answer has a truth: shares are weighted by how many were accepted and rejected"
    )
    return [f"  {weighted}"] if rates.weighted else []


def _blind(names: Sequence[str]) -> str:
    return (
        f"validators logged: {', '.join(names)}; without ground truth false rejections cannot be seen, and none of "
        "them is advised against"
    )


def _enough(rates: Rates) -> bool:
    return rates.accepts_right.n >= _ENOUGH and rates.rejects_wrong.n >= _ENOUGH


def rates_document(rates: Rates) -> dict[str, Any]:
    """As JSON types; a share of no answers is null."""

    def one(rate: Rate) -> dict[str, Any]:
        return {
            "share": rate.share if rate.n else None,
            "ci": [rate.low, rate.high],
            "n": rate.n,
            "used": rate.pulled,
        }

    return {
        "accepts_right": one(rates.accepts_right),
        "rejects_wrong": one(rates.rejects_wrong),
        "weighted": rates.weighted,
        "unseen": list(rates.unseen),
    }
