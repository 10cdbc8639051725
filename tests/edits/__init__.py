"""Edits: read, applied, written."""
