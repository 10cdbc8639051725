"""Tiers: their models, and how their calls are priced."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

from cascade.config import Config, EndpointConfig, Price, TierConfig
from cascade.errors import ConfigError, PriceError
from cascade.forecast import TierCost
from cascade.ledger import Pricer, Tariff
from cascade.models.base import Model
from cascade.models.declared import endpoint_spec, retry_policy
from cascade.models.preflight import check_proxies
from cascade.nodes.services import Tier
from cascade.notices import Notice
from cascade.plugins import load as load_plugin
from cascade.prices import Price as DatedPrice
from cascade.prices import PriceBook, PriceOverride
from cascade.prices.base import Unknown
from cascade.prices.sellers import quoted_by, seller_of
from cascade.types import Charge, Usage


def endpoint_name(tier: str, endpoint: EndpointConfig, number: int) -> str:
    """How ledger and trace call an endpoint: the tier, where it is, and which fallback if it is one."""
    place = urlsplit(endpoint.base_url).netloc if endpoint.base_url else endpoint.provider
    return f"{tier}@{place}" if number == 0 else f"{tier}@{place}#{number}"


def tier(name: str, config: TierConfig, *, model: Model | None = None) -> Tier:
    """The rung as the nodes see it; `model` replaces the config's.

    Raises InputError if a recording cannot be read, ConfigError for a plug-in.
    """
    return Tier(
        name=name,
        model=model or _model(name, config),
        model_name=config.model,
        endpoint=endpoint_name(name, config, 0),
        max_output_tokens=max(each.max_output_tokens for each in config.endpoints),
        endpoints=tuple(endpoint_name(name, each, number) for number, each in enumerate(config.endpoints)),
        retry_history=config.history.retry,
        escalation_history=config.history.escalation,
        deadline_s=config.deadline_s,
        notices=seller_notices(name, config),
    )


def seller_notices(name: str, config: TierConfig) -> tuple[Notice, ...]:
    """Warnings where an endpoint's `price: auto` is that of another seller."""
    return tuple(
        notice
        for number, each in enumerate(config.endpoints)
        if each.price == "auto" and each.provider == "openai"
        if (notice := _other_seller(endpoint_name(name, each, number), each)) is not None
    )


def _other_seller(name: str, endpoint: EndpointConfig) -> Notice | None:
    seller = seller_of(endpoint.base_url or "")
    try:
        price = PriceBook().lookup(endpoint.model, provider=seller)
    except PriceError:
        return None  # said as an error where it is asked for
    quoted = quoted_by(price)
    if quoted == seller:
        return None
    return Notice(
        code="price.of_another_seller",
        subject=name,
        message=f"is priced as {endpoint.model!r} costs at another seller ({quoted}): what {endpoint.base_url} "
        "takes for it is not known",
        hint="declare the tier's `price`, or `price: unknown`",
    )


def _model(name: str, config: TierConfig) -> Model:
    endpoint = endpoint_name(name, config, 0)
    others = [each.provider for each in config.endpoints if each.provider != "openai"]
    if others and config.fallbacks:
        raise ConfigError(
            f"tiers.{name}: fallbacks stand in for each other only where all are endpoints, not {others[0]!r}",
            hint="remove the fallbacks, or give them and the tier `provider: openai`",
        )
    if config.provider == "recorded":
        from cascade.models.recorded import RecordedModel

        return RecordedModel(*config.recording, model=config.model, endpoint=endpoint)
    if others:
        model: Model = load_plugin("models", config.provider)(config)
        return model
    from cascade.models.openai import OpenAIModel

    check_proxies()
    specs = [
        endpoint_spec(endpoint_name(name, each, number), each) for number, each in enumerate(config.endpoints)
    ]
    return OpenAIModel(*specs, retry=retry_policy(config))


def tariffs(config: Config) -> dict[str, Tariff]:
    """How every endpoint is priced, by its name."""
    return {
        endpoint_name(name, endpoint, number): Tariff(
            model=endpoint.model,
            override=_override(endpoint),
            provider=seller_of(endpoint.base_url) if endpoint.base_url else None,
            max_output_tokens=endpoint.max_output_tokens,
        )
        for name, one in config.tiers.items()
        for number, endpoint in enumerate(one.endpoints)
    }


def _override(endpoint: EndpointConfig) -> PriceOverride | Unknown | None:
    if isinstance(endpoint.price, Price):
        return PriceOverride(**endpoint.price.model_dump())
    return "unknown" if endpoint.price == "unknown" else None


def tier_cost(name: str, config: TierConfig, pricer: Pricer) -> TierCost:
    """The prices of the tier's endpoints, asked for as if a request were sent now."""
    first, *others = [
        partial(_price_now, pricer, endpoint_name(name, each, number), each.model)
        for number, each in enumerate(config.endpoints)
    ]
    most = max(each.max_output_tokens for each in config.endpoints)
    models = tuple(each.model for each in config.endpoints)
    return TierCost(price=first, max_output_tokens=most, fallback_prices=tuple(others), models=models)


def _price_now(pricer: Pricer, endpoint: str, model: str) -> DatedPrice | None:
    return pricer.price(Charge(endpoint=endpoint, model=model, usage=Usage(), at=datetime.now(UTC)))
