"""What the commands on logs share: options, tasks, and the table of policies as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from cascade.errors import UsageError

if TYPE_CHECKING:
    from cascade.classifiers.base import Classifier
    from cascade.config import Config
    from cascade.policy.base import Policy
    from cascade.policy.steps import Verifier
    from cascade.replay.parts import Part
    from cascade.replay.read_parts import PartedLog


ASSUMED = "--verifier is assumed of the checks; the logged verdicts are not used"


def cost_options(given: object) -> dict[str, float]:
    """`--cost TIER=USD`, as often as given. Raises UsageError."""
    found = {}
    for one in cast("tuple[str, ...]", given):
        tier, _, amount = one.rpartition("=")
        try:
            found[tier] = float(amount)
        except ValueError:
            tier = ""
        if not tier or found[tier] < 0:
            raise UsageError(f"--cost {one} is not TIER=USD", hint="for example --cost flash=0.002")
    return found


def verifier_option(given: object) -> Verifier | None:
    """`--verifier A/B` in per cent. Raises UsageError."""
    from cascade.policy.steps import Verifier

    if given is None:
        return None
    accept, _, reject = str(given).partition("/")
    try:
        return Verifier(float(accept) / 100, float(reject) / 100)
    except ValueError as error:
        raise UsageError(
            f"--verifier {given} is not A/B in per cent",
            hint="95/90: accepts 95% of right answers and rejects 90% of wrong ones",
        ) from error


def assuming(log: PartedLog) -> PartedLog:
    """The log without the verdicts that it holds apart from the truth: a verifier is assumed instead (noted)."""
    from dataclasses import replace

    from cascade.replay.read_parts import PartedLog
    from cascade.replay.verdicts import without_verdicts

    if log.about.accepted is None:
        return log
    about = without_verdicts(log.about)
    return PartedLog(log.parts.kept(_part_without_verdicts), replace(about, notes=(*about.notes, ASSUMED)))


def _part_without_verdicts(part: Part) -> Part:
    from dataclasses import replace

    from cascade.replay.verdicts import without_verdicts

    return replace(part, table=without_verdicts(part.table))


def classifier_of(config: Config) -> Classifier:
    """The config's classifier."""
    from cascade.wiring import parts

    return parts.classifier(config)


def policy_of(config: Config) -> Policy:
    """The config's policy."""
    from cascade.wiring import parts

    return parts.policy(config)


def policies_text(document: Mapping[str, Any]) -> str:
    """A replay's document as a plain table with its notes."""
    lines = [f"{document['n_tasks']} tasks, estimator: {document['estimator']}"]
    lines.append(
        f"{'policy':<34} {'success':>8} {'95% interval':>15} {'USD a task':>11} {'95% interval':>20}"
    )
    for one in document["policies"]:
        low, high = one["success_ci"]
        cheap, dear = one["cost_ci"]
        lines.append(
            f"{one['name']:<34} {one['success']:>8.1%} {low:>7.1%}-{high:>6.1%} "
            f"{usd(one['cost_usd']):>11} {usd(cheap):>9}-{usd(dear):>9}"
        )
        if one.get("detail"):
            lines.append(f"    {one['detail']}")
    lines += _support_lines(document)
    support = document["support"]
    lines += [f"note: {note}" for note in support.get("notes", ())]
    lines += document.get("checks", {}).get("words", ())
    return "\n".join(lines)


def usd(amount: float | None) -> str:
    """An amount to five decimals, or as many as four digits need; "?" for one that is not known."""
    if amount is None:
        return "?"
    if amount == 0 or 0.001 <= amount < 1e6:
        return f"{amount:.5f}"
    return f"{amount:.4g}"


def _support_lines(document: Mapping[str, Any]) -> list[str]:
    """What figures that are not exact rest on; and what the shadowed tasks say beside an estimate."""
    support = document["support"]
    if support["kind"] == "shadow":
        drawn, whole = support["drawn"], support["of_tasks"]
        return [f"support: a random sample, {document['n_tasks']} of the {drawn} tasks drawn from {whole}"]
    if support["kind"] != "propensities":
        return []
    alike, worth = support["share"], support["effective_tasks"]
    lines = [f"support: the log chose alike on {alike:.0%} of the tasks; worth {worth:.0f} tasks"]
    for one in document.get("estimates", ()):
        if one["name"] == "shadow":
            low, high = one["success_ci"]
            lines.append(
                f"shadow: on {one['n_tasks']} tasks drawn at random {one['success']:.1%} ({low:.1%}-{high:.1%}) "
                f"at {one['cost_usd']:.5f} USD a task"
            )
    return lines
