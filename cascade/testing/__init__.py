"""Doubles that ship: a scripted server on loopback with faults to order, scripted models."""

from __future__ import annotations

from cascade.models.scripted import Reply as Reply
from cascade.models.scripted import ScriptedModel as ScriptedModel
from cascade.testing.faults import Fault as Fault
from cascade.testing.log import Logged as Logged
from cascade.testing.log import total_billed as total_billed
from cascade.testing.prefix_cache import PrefixCache as PrefixCache
from cascade.testing.server import ScriptedServer as ScriptedServer
