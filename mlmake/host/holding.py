"""Who holds the build lock, found without taking it; it does not know what the holder does."""

import os
from collections.abc import Iterator

from mlmake.host.lock import BuildLock
from mlmake.model.finding import Finding, note, ok


def held(path: str, *, locks: str = "/proc/locks") -> Finding:
    """Whether a build runs, by the kernel's own list and by the name that the holder wrote into the lock."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return ok("build-lock", "no build runs")
    named = BuildLock(path).holder()
    try:
        holders = set(_holders(status, locks))
    except OSError:
        # Not Linux: what the holder wrote is there as long as it holds the lock, or if it was killed.
        holders = {_pid(named)} if named and _lives(_pid(named)) else set()
    if not holders:
        return ok("build-lock", "no build runs")
    who = named if named and _pid(named) in holders else f"pid {', '.join(map(str, sorted(holders)))}"
    why = "another build of this project waits for it; queries do not"
    return note("build-lock", f"a build runs: the lock is held by {who}", why=why)


def _holders(status: os.stat_result, locks: str) -> Iterator[int]:
    """The processes that hold a lock on this file. Raises OSError."""
    wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with open(locks, encoding="ascii") as file:
        for line in file:
            fields = line.split()
            # "->" tells of one who waits.
            if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == wanted:
                yield int(fields[4])


def _pid(named: str) -> int:
    return int(named.split(" ")[1])


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
