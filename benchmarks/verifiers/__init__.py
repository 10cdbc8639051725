"""How far can each validator be believed? Right answers accepted, broken ones rejected."""
