"""The declared file: what may stand in it (`Config`), and how it is read (`load`), with located errors."""

from __future__ import annotations

from cascade.config.expand import expand, to_yaml
from cascade.config.graph import GraphConfig, default_graph
from cascade.config.json_schema import json_schema
from cascade.config.load import default_config, from_mapping, load
from cascade.config.parts import (
    BudgetConfig,
    ExpectedValuePolicy,
    FixedPolicy,
    LinearClassifier,
    PluginConfig,
    RulesClassifier,
    SandboxConfig,
    ShadowConfig,
    ThresholdPolicy,
    TraceConfig,
    ValidatorConfig,
)
from cascade.config.plugins import BUILT_IN, Plugins, installed
from cascade.config.project import ProjectConfig
from cascade.config.schema import Config
from cascade.config.tiers import EndpointConfig, HistoryByStep, Limits, Price, TierConfig

__all__ = [
    "BUILT_IN",
    "BudgetConfig",
    "Config",
    "EndpointConfig",
    "ExpectedValuePolicy",
    "FixedPolicy",
    "GraphConfig",
    "HistoryByStep",
    "Limits",
    "LinearClassifier",
    "PluginConfig",
    "Plugins",
    "Price",
    "ProjectConfig",
    "RulesClassifier",
    "SandboxConfig",
    "ShadowConfig",
    "ThresholdPolicy",
    "TierConfig",
    "TraceConfig",
    "ValidatorConfig",
    "default_config",
    "default_graph",
    "expand",
    "from_mapping",
    "installed",
    "json_schema",
    "load",
    "to_yaml",
]
