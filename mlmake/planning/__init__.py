"""Graph and snapshot to plan, pure; it looks at nothing and does nothing."""
