"""Adapters that run jobs; they do not know why a job is run."""
