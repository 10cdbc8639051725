"""Writes what was tuned as a config that `cascade run` takes, with the evidence in comments."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cascade.classifiers.artifact import dump
from cascade.errors import InputError, StorageError
from cascade.evidence import known_at_run_time
from cascade.policy.artifact import dump_estimates
from cascade.policy.steps import Step, Verifier
from cascade.replay.plans import FixedPlan, Plan
from cascade.replay.value_plan import ValuePlan
from cascade.storage import write_atomic
from cascade.tuning.moved import moved
from cascade.tuning.routed import RoutedPlan
from cascade.tuning.tune import Tuned
from cascade.tuning.write_checks import evidence, validators

_WIDTH = 100


def write_config(tuned: Tuned, path: Path, *, base: Path | None = None, log: str = "") -> list[Path]:
    """Write the config, and beside it the estimates if the policy uses any. Returns what was written.

    base: a config whose tiers' endpoints and other sections are kept (as written, variables unexpanded; relative
    paths as they read from the new folder).
    Raises InputError for a base that lacks a tier, StorageError if a file cannot be written.
    """
    steps = _steps(tuned)
    tiers = list(dict.fromkeys(step.tier for step in steps))
    document = _base(base, tiers, tuned)
    if base is not None:
        document = moved(document, origin=base.parent, target=path.parent)
    judge = document.pop("judge", None)
    plan = value_plan(tuned.choice.policy)
    written = {}
    if plan is not None:
        artifact = path.with_suffix(".estimates.json")
        about = {"log": log, "goal": str(tuned.goal), "tasks": tuned.sizes}
        written[artifact] = dump_estimates(plan.estimates, about=about)
        document["policy"] = _value_policy(plan, artifact.name)
        written |= _classifier(tuned, path, document, log)
    else:
        document["policy"] = {"use": "fixed", "order": [step.tier for step in steps]}
    for tier, history in _histories(steps).items():
        document["tiers"][tier]["history"] = history
    named = validators(document, tuned.choice.checks)
    if named is not None:
        document["validators"] = named
    left = _told_elsewhere(tuned)
    if judge is not None:
        left.append("the base's judge is left out: the figures above are without it")
    written[path] = _comments(tuned, log, document, notes=[*left, *_to_fill_in(document, base)]) + _yaml(
        document
    )
    for target, text in written.items():
        write_atomic(target, text, what="config" if target == path else "file beside it")
    return list(written)


def value_plan(plan: Plan) -> ValuePlan | None:
    """The expected-value plan that a plan is, with or without a classifier before it."""
    inner = plan.plan if isinstance(plan, RoutedPlan) else plan
    return inner if isinstance(inner, ValuePlan) else None


def _classifier(tuned: Tuned, path: Path, document: dict[str, Any], log: str) -> dict[Path, str]:
    """The classifier that the plan is told by, in a file beside the config; the base's own if it is told by none."""
    plan = tuned.choice.policy
    if not isinstance(plan, RoutedPlan):
        return {}
    target = path.with_suffix(".classifier.json")
    document["classifier"] = {"use": "linear", "artifact": target.name}
    return {target: dump(plan.router.artifact(name=path.stem, trained_on=log or "a log"))}


def _told_elsewhere(tuned: Tuned) -> list[str]:
    plan = tuned.choice.policy
    if not isinstance(plan, ValuePlan) or plan.estimates.told is None:
        return []
    note = (
        "decisions rest on what the logged runs' classifier says of a task: keep it in this config (--base)"
    )
    return [note]


def _steps(tuned: Tuned) -> list[Step]:
    if isinstance(tuned.choice.policy, FixedPlan):
        return list(tuned.choice.policy.order)
    plan = value_plan(tuned.choice.policy)
    assert plan is not None
    return sorted(plan.estimates.arms, key=lambda step: _mean_cost(plan, step))


def _mean_cost(plan: ValuePlan, step: Step) -> float:
    cost = plan.estimates.arms[step].cost_usd or ()
    return sum(w * c for w, c in zip(plan.estimates.weights, cost, strict=False))


def _value_policy(plan: ValuePlan, artifact: str) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "use": "expected_value",
        "value_usd": f"{plan.value_usd:.10f}".rstrip("0").rstrip("."),
        "max_attempts": plan.max_attempts,
        "artifact": artifact,
    }
    if not plan.verifier.perfect:
        policy["verifier"] = _verifier(plan.verifier)
    return policy


def _verifier(verifier: Verifier) -> dict[str, float]:
    return {"accepts_right": round(verifier.accept, 6), "rejects_wrong": round(verifier.reject, 6)}


def _histories(steps: list[Step]) -> dict[str, Any]:
    """What each tier's attempts are shown, as in the log that they were judged on."""
    found: dict[str, dict[str, str]] = {}
    for step in steps:
        shown = found.setdefault(step.tier, {"retry": "none", "escalation": "none"})
        if step.attempt > 1:
            shown["retry"] = step.history
        elif step.after is not None:
            shown["escalation"] = step.history
    return {
        tier: shown if shown["retry"] != shown["escalation"] else shown["retry"]
        for tier, shown in found.items()
    }


def _base(base: Path | None, tiers: list[str], tuned: Tuned) -> dict[str, Any]:
    if base is None:
        others = [tier for tier in tuned.choice.singles.trials if tier not in tiers]
        named = tiers if len(tiers) > 1 else [*tiers, *others[:1]]
        return {"version": 1, "tiers": {tier: _placeholder(tier) for tier in named}}
    document = read_base(base)
    known = document.get("tiers", {})
    missing = [tier for tier in tiers if tier not in known]
    if missing:
        raise InputError(
            f"{base} has no tier {', '.join(missing)}",
            hint="name the tiers in the config as they are named in the log",
        )
    kept = tiers if len(tiers) > 1 else [*tiers, *[tier for tier in known if tier not in tiers][:1]]
    return _shadowed({**document, "tiers": {tier: dict(known[tier]) for tier in kept}})


def read_base(base: Path) -> dict[str, Any]:
    """The config whose endpoints are kept, as written. Raises StorageError, InputError if it is none."""
    import yaml

    try:
        document = yaml.safe_load(base.read_text(encoding="utf-8"))
    except OSError as error:
        raise StorageError(
            f"cannot read {base}: {error.strerror}", hint="give the path of a config"
        ) from error
    except yaml.YAMLError as error:
        raise InputError(
            f"{base}: not YAML: {error}", hint="`cascade check` says where it is wrong"
        ) from error
    if not isinstance(document, Mapping) or not isinstance(document.get("tiers"), Mapping):
        raise InputError(f"{base} has no tiers", hint="`cascade check` says what a config needs")
    return dict(document)


def _to_fill_in(document: Mapping[str, Any], base: Path | None) -> list[str]:
    """What a run of the config needs and the log does not tell."""
    notes = [] if base is not None else ["endpoints are placeholders; `--base CONFIG` keeps yours"]
    if not document.get("validators") and "graph" not in document:
        notes.append(
            "no validators are listed: without those that the outcomes come from, every first answer is "
            "accepted and the figures above do not hold"
        )
    return notes


def _shadowed(document: dict[str, Any]) -> dict[str, Any]:
    """The document whose shadows are of the tiers that it has; without any of those, no shadows."""
    shadow = document.get("shadow")
    if not isinstance(shadow, Mapping) or not isinstance(shadow.get("tiers"), list):
        return document
    left = [tier for tier in shadow["tiers"] if tier in document["tiers"]]
    if left:
        return {**document, "shadow": {**shadow, "tiers": left}}
    return {name: section for name, section in document.items() if name != "shadow"}


def _placeholder(tier: str) -> dict[str, Any]:
    return {
        "model": tier,
        "base_url": "${CASCADE_BASE_URL:-http://localhost:8000/v1}",
        "api_key": "${CASCADE_API_KEY:-none}",
        "price": "unknown",
    }


def _yaml(document: Mapping[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text


def _comments(tuned: Tuned, log: str, document: Mapping[str, Any], *, notes: Sequence[str]) -> str:
    first = tuned.report.document()["policies"]
    sizes = tuned.sizes
    lines = [
        f"Tuned by `cascade tune` on {log or 'a log'}.",
        f"Goal: {tuned.goal}. Probability that it is truly met{tuned.reservation}: {tuned.met_probability:.3f}.",
        tuned.advice[0].upper() + tuned.advice[1:] + ".",
    ]
    parts = f"Searched on {sizes['search']} tasks, chosen on {sizes['choose']}"
    folded = (
        "" if sizes["choose"] != sizes["search"] else " (the same, each judged by what the others taught)"
    )
    lines += [f"{parts}{folded}, reported on {sizes['report']} that neither saw:"]
    lines += [_figures_line(one) for one in first]
    plan = value_plan(tuned.choice.policy)
    lines += ["", *evidence(tuned.choice, document, plan.verifier if plan else None)]
    lines += [f"Note: {note}." for note in (*tuned.notes, *_unknown_figures(tuned), *notes)]
    wrapped = [part for line in lines for part in (_wrapped(line) or [""])]
    return "".join(f"# {line}".rstrip() + "\n" for line in wrapped)


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, _WIDTH - 2, subsequent_indent="    " if line.startswith(" ") else "")


def _figures_line(one: Mapping[str, Any]) -> str:
    low, high = one["success_ci"]
    name = "this config" if one["name"] == "config" else one["name"]
    detail = f": {one['detail']}" if one.get("detail") else ""
    return (
        f"  {name}: {one['success']:.1%} ({low:.1%} to {high:.1%}) at ${one['cost_usd']:.5f} a task{detail}"
    )


def _unknown_figures(tuned: Tuned) -> list[str]:
    """Figures that the log has and a run does not: at run time decisions do without them."""
    plan = value_plan(tuned.choice.policy)
    if plan is None:
        return []
    used = sorted({name for arm in plan.estimates.arms.values() for name in arm.traces})
    foreign = [name for name in used if not known_at_run_time(name)]
    if not foreign:
        return []
    return [f"{', '.join(foreign)} helped to decide on this log; a run that does not know it decides without"]
