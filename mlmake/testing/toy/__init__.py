"""A toy world in which the real planner and the real build are driven; it knows no disk, no process and no clock."""
