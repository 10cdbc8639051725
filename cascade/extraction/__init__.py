"""Files out of an answer: whole files, diffs and SEARCH/REPLACE blocks, or what is wrong with its form.

What cannot be extracted is a diagnostic, so that it can be fed back; nothing here raises on a model's text.
"""

from cascade.extraction.answer import NAME, Extraction, expects_code, extract
from cascade.extraction.fences import Block, blocks

__all__ = ["NAME", "Block", "Extraction", "blocks", "expects_code", "extract"]
