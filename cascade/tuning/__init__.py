"""Search a log for a better policy, choose on tasks the search did not see, and say how sure that is."""
