"""Several workers: forked children and threads that share a cascade."""
