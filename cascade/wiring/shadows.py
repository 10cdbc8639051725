"""A config's `shadow` section as the shadows of a run."""

from __future__ import annotations

from decimal import Decimal

from cascade.budget import Budget
from cascade.config import Config
from cascade.config.graph import GraphConfig, ParallelNode, ValidateNode
from cascade.forecast import Forecast
from cascade.nodes.shadowing import Shadows


def shadows(config: Config, forecast: Forecast, *, spent: Decimal = Decimal(0)) -> Shadows | None:
    """Who gets a shadow; None where the config has no such section. `spent`: in USD, before this run."""
    wanted = config.shadow
    if wanted is None:
        return None
    return Shadows(
        rate=wanted.rate,
        tiers=tuple(dict.fromkeys(wanted.tiers or config.tier_names)),
        budget=Budget(wanted.budget_usd, name="shadow", spent=spent),
        forecast=forecast,
        validators=None if config.graph is None else _named(config.graph),
    )


def _named(graph: GraphConfig) -> tuple[str, ...] | None:
    """The checks that the graph's nodes name, all of them together; None as soon as one runs all there are."""
    nodes = [node for node in graph.nodes.values() if isinstance(node, ValidateNode | ParallelNode)]
    if any(node.validators is None for node in nodes):
        return None
    return tuple(dict.fromkeys(name for node in nodes for name in node.validators or ()))
