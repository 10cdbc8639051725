"""Figures of a run: folded from its trace, shown as tables."""

from __future__ import annotations

from cascade.report.tally import Tally, TierTally

__all__ = ["Tally", "TierTally"]
