"""What the checks say of the untouched workspace, so that a verdict speaks of the answer alone."""
