"""What a step's process left behind, found and ended; it knows nothing of jobs, logs or why a step ends.

On Linux this process adopts orphans (a "child subreaper"), so what a step leaves becomes a child of the main thread,
and is told from other children by the session or by a token in its environment. Elsewhere only the step's process
group can be ended.
"""

import math
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

TOKEN = "MLMAKE_STEP"
"""The variable that says which steps a process belongs to: tokens of nested steps, joined by "/"."""

_LINUX = sys.platform == "linux"
_PR_SET_CHILD_SUBREAPER = 36
_ZOMBIE = "Z"

# An unknown dead child that nobody has waited for in this time is an orphan's, not some Popen's; seconds.
_UNCLAIMED = 10.0
_MANY = 10_000


@dataclass(slots=True)
class _Household:
    """The children of this process, as far as they are known; there is one, as there is one process."""

    adopts: bool | None = None
    children: str = ""
    known: set[int] = field(default_factory=set)
    dead: dict[tuple[int, str], float] = field(default_factory=dict)


_household = _Household()


def adopt_orphans() -> bool:
    """Make this process the parent of its descendants' orphans; False where that is not possible."""
    if _household.adopts is None:
        _household.adopts = _LINUX and _adopt()
        _household.children = f"/proc/self/task/{os.getpid()}/children"
        if _household.adopts and not os.path.exists(_household.children):
            _household.adopts = False
    return _household.adopts


def _adopt() -> bool:
    import ctypes  # noqa: PLC0415 - slow, and only needed once something runs

    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def know(pid: int) -> None:
    """Take note of a child that is no orphan."""
    _household.known.add(pid)


def forget(pid: int) -> None:
    """Drop the note: the child has been waited for."""
    _household.known.discard(pid)


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot; with the pid it is unique. 0 where that is not known."""
    stat = _stat(pid)
    return int(stat[19]) if stat else 0


def session_of(pid: int) -> int:
    """The session a living process belongs to; 0 if there is no such process."""
    stat = _stat(pid)
    return int(stat[3]) if stat and stat[0] != _ZOMBIE else 0


def lives(pid: int, started: int) -> bool:
    """Whether this very process still lives."""
    stat = _stat(pid)
    return stat is not None and stat[0] != _ZOMBIE and int(stat[19]) == started


def has_job(pid: int, job: str) -> bool:
    """Whether a process says that it belongs to a job of this name, of whichever build."""
    return any(token.partition(".")[2] == job for token in _tokens(pid) or ())


def tree(pid: int) -> list[int]:
    """All living descendants of a process, itself left out."""
    found: list[int] = []
    todo = [pid]
    while todo:
        parent = todo.pop()
        for child in _children_of(parent):
            found.append(child)
            todo.append(child)
    return found


def any_left(session: int, token: str) -> bool:
    """Whether something of a step whose process has been waited for still lives; some 20 microseconds if not."""
    if _group_lives(session):
        return True
    return adopt_orphans() and next(_orphans(session, token), None) is not None


def find_left(session: int, token: str) -> list[int]:
    """The processes of a step that outlive it, with all their descendants."""
    if not adopt_orphans():
        return []
    found: dict[int, None] = {}
    for pid in _orphans(session, token):
        found[pid] = None
        found.update(dict.fromkeys(tree(pid)))
    if len(_household.dead) > _MANY:
        _household.dead.clear()
    for pid in found:
        # Theirs is no Popen: when they are dead they are cleared away at once.
        if (stat := _stat(pid)) is not None:
            _household.dead[pid, stat[19]] = -math.inf
    return list(found)


def command_line(pid: int) -> str:
    """What a process runs, for people; empty if it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(4096).split(b"\0")
    except OSError:
        return ""
    return shlex.join(os.fsdecode(word).encode("utf-8", "replace").decode() for word in words if word)[:200]


def send(pid: int, number: int) -> None:
    """Signal one process, if it is still there and ours."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def send_group(group: int, number: int) -> bool:
    """Signal a process group; False if it has no member that can be signalled."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _group_lives(group: int) -> bool:
    """Whether the group has living members; the dead ones that this process adopted are cleared away."""
    if not send_group(group, 0):
        return False
    while True:
        try:
            pid, _ = os.waitpid(-group, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
    return send_group(group, 0)


def _orphans(session: int, token: str) -> Iterator[int]:
    """The adopted children that belong to this step; clears away dead ones on the way."""
    news = True
    while news:
        news = False
        for pid in _children(_household.children):
            if pid in _household.known:
                continue
            stat = _stat(pid)
            if stat is None or stat[0] == _ZOMBIE:
                # Its own children have come to us, perhaps after the list was read.
                news |= stat is None or _bury(pid, started=stat[19], own=int(stat[3]) == session)
                continue
            tokens = _tokens(pid)
            if int(stat[3]) == session or (tokens is not None and token in tokens):
                yield pid
            # It has died while being looked at.
            news |= tokens is None


def _bury(pid: int, *, started: str, own: bool) -> bool:
    """Wait for a dead child if nobody else will; whether its death is news."""
    now = time.monotonic()
    news = (pid, started) not in _household.dead
    if own or now - _household.dead.setdefault((pid, started), now) > _UNCLAIMED:
        news = True
        _household.dead.pop((pid, started), None)
        with suppress(ChildProcessError):  # another thread was quicker
            os.waitpid(pid, os.WNOHANG)
    return news


def _tokens(pid: int) -> list[str] | None:
    """The steps that a process says it belongs to, the outermost first; None if it is dying."""
    prefix = TOKEN.encode() + b"="
    # While a process replaces itself by another program its environment reads as empty.
    for _ in range(20):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                environ = file.read()
        except PermissionError:
            return []
        except OSError:
            return None
        if environ:
            entries = [entry for entry in environ.split(b"\0") if entry.startswith(prefix)]
            return [os.fsdecode(token) for entry in entries for token in entry[len(prefix) :].split(b"/")]
        stat = _stat(pid)
        if stat is None or stat[0] == _ZOMBIE:
            return None
        time.sleep(0.0005)
    return []


def _children_of(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [child for thread in threads for child in _children(f"/proc/{pid}/task/{thread}/children")]


def _children(path: str) -> list[int]:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        data = b""
        while chunk := os.read(file, 1 << 16):
            data += chunk
    except OSError:  # the process went meanwhile
        return []
    finally:
        os.close(file)
    return [int(word) for word in data.split()]


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on; None if there is no such process."""
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        data = os.read(file, 4096)
    except OSError:
        return None
    finally:
        os.close(file)
    return data[data.rfind(b")") + 2 :].decode("ascii", "replace").split()
