"""Plan to events: the loop that acts, without policy of its own."""
