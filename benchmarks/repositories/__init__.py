"""Verdicts on real packages with their own suites, beside plain pytest: right changes and broken ones."""
