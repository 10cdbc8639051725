"""Decide again from logs, without a model call: read, replay, estimate, compare."""
