"""Whether the kernel has killed for want of memory around here; it knows nothing of steps."""

from functools import cache


@cache
def begin_counting() -> int:
    """From the first call on kills are counted."""
    return out_of_memory_kills()


def kills_since() -> int:
    """How many there were since counting began; 0 where nothing counts."""
    return out_of_memory_kills() - begin_counting()


def out_of_memory_kills() -> int:
    """A counter that only grows, of this process's memory group; 0 where nothing counts."""
    path = _counter()
    if path is None:
        return 0
    try:
        with open(path) as file:
            for line in file:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    except OSError:  # the group was removed
        return 0
    return 0


@cache
def _counter() -> str | None:
    """The file that counts: cgroup v2 `memory.events`, v1 `memory.oom_control`."""
    try:
        with open("/proc/self/cgroup") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return None
    candidates = []
    for _, controllers, group in groups:
        if controllers == "":
            candidates += [f"/sys/fs/cgroup{group}/memory.events"]
        elif "memory" in controllers.split(","):
            candidates += [f"/sys/fs/cgroup/memory{group}/memory.oom_control"]
    for path in candidates:
        try:
            with open(path) as file:
                if any(line.startswith("oom_kill ") for line in file):
                    return path
        except OSError:
            continue
    return None
