"""A release becomes live models that answer; it does not know how they were made."""
