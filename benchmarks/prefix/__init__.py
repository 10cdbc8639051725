"""What a shared context saves."""
