"""What of a workspace the models are shown: read once, the same bytes for every task, retry and tier."""

from __future__ import annotations

from cascade.context.base import Context as Context
from cascade.context.base import ContextSettings as ContextSettings
from cascade.context.base import Shown as Shown
from cascade.context.keep import Contexts as Contexts
from cascade.context.rendering import file_block as file_block
