"""`cascade check CONFIG`: is the declared file right?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal

import click

from cascade.config import (
    Config,
    EndpointConfig,
    ExpectedValuePolicy,
    LinearClassifier,
    Price,
    load,
)
from cascade.config.document import Place, Problem
from cascade.config.load import located, read_document
from cascade.errors import CascadeError, ConfigError, PriceError


@click.command()
@click.argument("config", type=click.Path())
@click.option("--no-env", is_flag=True, help="Do not ask for environment variables and recordings.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def check(config: str, *, no_env: bool, as_json: bool) -> None:
    """Validate CONFIG and tell every mistake with file, line and column. Exit 0: right; 2: wrong."""
    try:
        loaded = _checked(config, need_env=not no_env)
    except ConfigError as error:
        if not as_json:
            raise
        problems = list(error.problems or (error.message,))
        click.echo(json.dumps({"config": config, "ok": False, "problems": problems}))
        raise SystemExit(error.exit_code) from error
    notes = list(located(read_document(config, []), list(_notes(loaded))).problems)
    if as_json:
        document = {"config": config, "ok": True, "problems": [], "notes": notes, "sha256": loaded.sha256}
        click.echo(json.dumps(document))
        return
    for note in notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{config}: fine: {' > '.join(loaded.tier_names)}")


def _checked(path: str, *, need_env: bool) -> Config:
    loaded = load(path, need_env=need_env)
    problems = list(_prices(loaded))
    problems += _artifacts(loaded) if need_env else []
    if problems:
        raise located(read_document(path, []), problems)
    return loaded


def _prices(config: Config) -> Iterator[Problem]:
    """An unknown price is told before the first call, and so is a model that was retired."""
    for name, tier in config.tiers.items():
        for index, endpoint in enumerate(tier.endpoints):
            try:
                _price(endpoint)
            except PriceError as error:
                place: Place = ("tiers", name, *(("fallbacks", index - 1) if index else ()), "model")
                yield Problem(place, error.message, error.hint)


def _artifacts(config: Config) -> Iterator[Problem]:
    """Trained files that are of another kind, or of tiers that are not here."""
    from cascade.policy.artifact import load_estimates
    from cascade.wiring.parts import classifier, judge

    estimates = config.policy.artifact if isinstance(config.policy, ExpectedValuePolicy) else None
    tried: list[tuple[Place, Callable[[], object]]] = [
        (("judge", "artifact"), lambda: judge(config)),
        (("policy", "artifact"), lambda: estimates and load_estimates(estimates)),
    ]
    if isinstance(config.classifier, LinearClassifier):
        tried.append((("classifier", "artifact"), lambda: classifier(config)))
    for place, attempt in tried:
        try:
            attempt()
        except CascadeError as error:
            yield Problem(place, error.message.removeprefix("judge.artifact: "), error.hint)


def _price(endpoint: EndpointConfig) -> Decimal | None:
    """USD of a million tokens each way, off the cache; None where nobody can say. Raises `PriceError`."""
    from cascade.prices import PriceBook

    if isinstance(endpoint.price, Price):
        return endpoint.price.input + endpoint.price.output
    # A plug-in may price itself; a variable that is not filled in names no model.
    if endpoint.price != "auto" or endpoint.provider not in {"openai", "recorded"} or "${" in endpoint.model:
        return None
    found = PriceBook().lookup(endpoint.model)
    return found.input + found.output


def _notes(config: Config) -> Iterator[Problem]:
    """What is allowed, and probably not meant."""
    from cascade.wiring.tiers import seller_notices

    dearest: tuple[str, Decimal] | None = None
    for name, tier in config.tiers.items():
        price = _price(tier)
        if dearest is not None and price is not None and price < dearest[1]:
            what = f"is cheaper than {dearest[0]}, which is tried before it"
            yield Problem(("tiers", name), what, "tiers stand cheapest first", at="key")
        if price is not None and (dearest is None or price > dearest[1]):
            dearest = name, price
        for notice in seller_notices(name, tier) if "${" not in tier.model else ():
            yield Problem(("tiers", name, "model"), notice.message, notice.hint)
        if tier.api_key is not None and "api_key" not in config.written_dump()["tiers"][name]:
            hint = "write ${VARIABLE}, and keep the key in the environment"
            yield Problem(("tiers", name, "api_key"), "the key stands in the file itself", hint)
    if config.sandbox.use == "none":
        what = "model-written code is executed without isolation"
        yield Problem(("sandbox", "use"), what, "use auto, unless another wall stands around")
