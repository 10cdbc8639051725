"""What each provider refuses of the chat protocol, and the same request in the form that it takes."""

from __future__ import annotations

from cascade.models.dialects.learned import Learned as Learned
from cascade.models.dialects.table import REASONING_OUTSIDE as REASONING_OUTSIDE
from cascade.models.dialects.table import dialect_of as dialect_of
from cascade.models.dialects.table import forms_of as forms_of
