"""A graph as a picture, with what a trace tells of it."""

from __future__ import annotations

from cascade.diagram.figures import Figures as Figures
from cascade.diagram.mermaid import mermaid as mermaid
