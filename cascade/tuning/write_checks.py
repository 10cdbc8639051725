"""The validators that were chosen, as a config lists them, with the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cascade.config.parts import command_name
from cascade.config.plugins import installed
from cascade.config.validator_options import NEED_OPTIONS
from cascade.policy.steps import Verifier
from cascade.replay.error_sums import PULL
from cascade.tuning.checks import ChosenChecks
from cascade.tuning.select import Choice


def validators(document: Mapping[str, Any], checks: ChosenChecks | None) -> list[Any] | None:
    """The list to write under `validators`; None: it stays as it is.

    Of those that the document lists only what the log tells apart and was not chosen is left out. A document that
    lists none gets the chosen ones, if each of them is a validator by its name alone. Graphs of one's own name
    validators in their nodes and are left as they are.
    """
    if checks is None or not checks.kept or "graph" in document:
        return None
    listed = document.get("validators")
    if isinstance(listed, list):
        kept = [one for one in listed if _name(one) not in checks.dropped]
        return kept if 0 < len(kept) < len(listed) else None
    if all(_plain(name) for name in checks.kept):
        return list(checks.kept)
    return None


def _name(entry: object) -> str:
    if isinstance(entry, Mapping):
        program = command_name(entry.get("run")) if entry.get("use") == "command" else None
        return str(entry.get("name") or program or entry.get("use"))
    return str(entry)


def _plain(name: str) -> bool:
    """Whether a validator can be named without options."""
    return name not in NEED_OPTIONS and installed().knows("validators", name)


def evidence(choice: Choice, document: Mapping[str, Any], verifier: Verifier | None) -> list[str]:
    """What is believed of the checks and why, and what the log says of each validator: lines of a comment.

    verifier: what the policy believes; None: it believes nothing of the kind.
    """
    checks = choice.checks
    if checks is None:
        if verifier is None or verifier.perfect:
            return ["Checks are taken never to err: the log holds no verdicts apart from the truth."]
        shares = f"accept {verifier.accept:.1%} of right answers, reject {verifier.reject:.1%} of wrong ones"
        return [f"Checks are taken, as given by hand, to {shares}."]
    lines = [_sentence(words) for words in checks.words()]
    if verifier is not None:
        pulled = f"pulled towards never erring by {PULL:.0f} answers' worth"
        lines.append(f"verifier: the shares of the chosen checks on the searching tasks, {pulled}.")
    if checks.dropped and "validators" not in document:
        lines.append(
            f"The config does not list them: write {', '.join(checks.kept)} under `validators` as you run them."
        )
    return lines


def _sentence(words: str) -> str:
    return f"{words}." if words.startswith(" ") else f"{words[:1].upper()}{words[1:]}."
