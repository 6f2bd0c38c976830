"""Ends what a build that was itself killed left running; it knows nothing of why it died."""

import os
import signal
import sys
import time
from collections.abc import Iterable

from mlmake.executors import descendants

# How long the killed may take to go; seconds.
_LIMIT = 5.0


def end_leftovers(notes: Iterable[tuple[str, int, int]]) -> tuple[str, ...]:
    """Kill what still runs of these steps (job, pid, start time as noted); gives the command lines.

    A pid that is somebody else's by now is left alone. Returns when they are gone.
    """
    noted = list(notes)
    victims: dict[int, int] = {}
    lines: list[str] = []
    for _ in range(50):
        found = {pid: started for pid, started in _found(noted) if victims.get(pid) != started}
        if not found:
            break
        for pid, started in found.items():
            victims[pid] = started
            if line := descendants.command_line(pid):
                lines.append(line)
            descendants.send(pid, signal.SIGKILL)
    limit = time.monotonic() + _LIMIT
    while time.monotonic() < limit and any(descendants.lives(pid, started) for pid, started in victims.items()):
        time.sleep(0.005)
    return tuple(lines)


def _found(notes: Iterable[tuple[str, int, int]]) -> Iterable[tuple[int, int]]:
    """Living processes of these steps with their start times."""
    if sys.platform != "linux":  # without start times nobody can tell whose a pid is
        return
    sessions = {pid: (job, started) for job, pid, started in notes}
    if not sessions:
        return
    me = os.getpid()
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
        if (session := descendants.session_of(pid)) not in sessions or pid == me:
            continue
        job, started = sessions[session]
        own = descendants.start_time(pid)
        main = own if pid == session else descendants.start_time(session)
        # Where the main process is gone, the token tells whether the session is still the step's.
        if main == started or (main == 0 and own >= started and descendants.has_job(pid, job)):
            yield pid, own
            if pid == session:
                for child in descendants.tree(pid):
                    yield child, descendants.start_time(child)
