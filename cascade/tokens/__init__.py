"""Tokens of texts: estimates, upper bounds, and what endpoints have reported."""

from __future__ import annotations

from cascade.tokens.bound import most_tokens as most_tokens
from cascade.tokens.estimate import estimate_tokens as estimate_tokens
from cascade.tokens.reports import InputBound as InputBound
from cascade.tokens.reports import TokenReports as TokenReports
