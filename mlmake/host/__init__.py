"""Adapters to this machine: clock, files, signals, processes."""
