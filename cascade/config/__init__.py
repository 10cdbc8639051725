"""The declared file: what may stand in it (`Config`), and how it is read (`load`), with located errors."""

from __future__ import annotations

from cascade.config.base import Plugins
from cascade.config.json_schema import json_schema
from cascade.config.load import default_config, from_mapping, load
from cascade.config.parts import (
    BudgetConfig,
    CallableValidator,
    CommandValidator,
    ExpectedValuePolicy,
    FixedPolicy,
    JsonSchemaValidator,
    LinearClassifier,
    PluginConfig,
    RulesClassifier,
    SandboxConfig,
    ThresholdPolicy,
    ToolValidator,
    TraceConfig,
)
from cascade.config.schema import Config
from cascade.config.tiers import EndpointConfig, HistoryByStep, Limits, Price, TierConfig

__all__ = [
    "BudgetConfig",
    "CallableValidator",
    "CommandValidator",
    "Config",
    "EndpointConfig",
    "ExpectedValuePolicy",
    "FixedPolicy",
    "HistoryByStep",
    "JsonSchemaValidator",
    "Limits",
    "LinearClassifier",
    "PluginConfig",
    "Plugins",
    "Price",
    "RulesClassifier",
    "SandboxConfig",
    "ThresholdPolicy",
    "TierConfig",
    "ToolValidator",
    "TraceConfig",
    "default_config",
    "from_mapping",
    "json_schema",
    "load",
]
