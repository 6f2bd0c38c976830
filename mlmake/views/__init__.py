"""Events become something to look at; a view decides nothing."""
