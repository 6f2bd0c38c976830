"""The clock by which files get their times, held against the wall clock; it does not know who trusts them."""

import os
import time

from mlmake.host.files import SETTLED
from mlmake.host.mounts import existing
from mlmake.host.scratch import scratch_file
from mlmake.model.finding import Finding, note, ok, problem, warning
from mlmake.model.units import show_seconds

PATIENCE = 2.5
"""Seconds to wait for a tick of the times of files."""

CHANGES = 4


def file_clock(folder: str) -> list[Finding]:
    """How far the times of files in this folder are from the wall clock, and how fine they are."""
    with scratch_file(existing(folder)) as target:
        before = time.time_ns()
        os.write(target, b"x")
        written = os.fstat(target).st_mtime_ns
        after = time.time_ns()
        ticks = _ticks(target)
    # Ahead of what is now, or behind what was: the time between the two looks is no difference.
    away = max(written - after, before - written, 0)
    return [difference(away), granularity(ticks)]


def difference(away_ns: int) -> Finding:
    """What it means if files get times so far from the wall clock."""
    told = f"files get times {show_seconds(away_ns / 1e9)} away from the wall clock"
    if away_ns <= SETTLED // 2:
        return ok("file-clock", told)
    return (problem if away_ns > 60_000_000_000 else warning)(
        "file-clock",
        told,
        why="by that a file is known to have rested before it was hashed: an edit may be missed",
        mend="set both clocks (NTP), or `mlmake build --rehash`",
    )


def granularity(ticks: list[int]) -> Finding:
    """What it means if the time of a file that is written all the while goes on in these steps, in nanoseconds."""
    if any(tick < 0 for tick in ticks):
        return warning(
            "file-times",
            "the times of a file went back while it was written",
            why="an edit may look like no edit",
            mend="set the clock (NTP), or `mlmake build --rehash`",
        )
    if not ticks:
        return warning(
            "file-times",
            f"the times of a file stood still for {PATIENCE} s while it was written",
            why="an edit of the same size cannot be told by its times",
            mend="`mlmake build --rehash`, or another file system",
        )
    least = min(ticks) / 1e9
    told = f"times of files are told in steps of {_fine(least)}"
    if least < 0.5:
        return ok("file-times", told)
    return note("file-times", told, why="a file is hashed again until it is older than its times are coarse")


def newest_record(newest: float | None, *, now: float) -> Finding:
    """Whether something was recorded at a time that is yet to come; both in seconds since the epoch."""
    if newest is None:
        return ok("record-times", "nothing is recorded yet")
    if newest <= now + 1:
        return ok("record-times", f"the newest result is {show_seconds(max(0.0, now - newest))} old")
    return warning(
        "record-times",
        f"the newest result is from {show_seconds(newest - now)} in the future",
        why="the clock went back: windows and ages are counted anew, such results are rebuilt once",
        mend="set the clock (NTP), then `mlmake build`",
    )


def _ticks(target: int) -> list[int]:
    """By how much the time of this file went on, each time it did."""
    last, ticks = os.fstat(target).st_mtime_ns, list[int]()
    end = time.monotonic() + PATIENCE
    while len(ticks) < CHANGES and time.monotonic() < end:
        os.pwrite(target, b"x", 0)
        now = os.fstat(target).st_mtime_ns
        if now != last:
            ticks.append(now - last)
            last = now
    return ticks


def _fine(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 0.001 else f"{seconds * 1000:.0f} ms"
