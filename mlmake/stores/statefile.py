"""The file of a state as it lies on the disk: in use, clean, sound, or put aside; it knows nothing of its rows."""

import fcntl
import os
import sys
import time
from contextlib import suppress

from mlmake.ports import StateTrouble
from mlmake.stores.header import Health, inspect
from mlmake.stores.probe import DAMAGED


def newer(folder: str, what: str) -> StateTrouble:
    """The trouble with a state that only a newer mlmake can read."""
    return StateTrouble(f"{folder} was created by a newer mlmake ({what}): update mlmake, or move the folder away")


def examine(folder: str) -> Health:
    """Whether the state can be opened without the process dying of it."""
    health = inspect(data_path(folder))
    if health not in (Health.SOUND, Health.DOUBTFUL) or is_clean(folder) or is_in_use(folder):
        return Health.SOUND if health is Health.DOUBTFUL else health
    import subprocess  # noqa: PLC0415 - slow to load, and only needed after an unclean end

    script = os.path.join(os.path.dirname(__file__), "probe.py")
    ended = subprocess.run(
        [sys.executable, "-P", script, folder],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return Health.DAMAGED if ended.returncode < 0 or ended.returncode == DAMAGED else Health.SOUND


def is_in_use(folder: str) -> bool:
    """Whether a living writer has it open, who found it sound."""
    try:
        descriptor = os.open(os.path.join(folder, "in-use"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_clean(folder: str) -> bool:
    """Whether its file is as the last writer left it when it closed."""
    try:
        with open(clean_path(folder), encoding="ascii") as file:
            return file.read() == _looks(folder)
    except (OSError, UnicodeError):
        return False


def mark_clean(folder: str) -> None:
    """Note that the file was left in order by the one who closes it."""
    # Without the mark the next start only takes longer.
    with suppress(OSError):
        looks = _looks(folder)
        if not is_clean(folder):
            with open(clean_path(folder), "w", encoding="ascii") as file:
                file.write(looks)


def _looks(folder: str) -> str:
    found = os.stat(data_path(folder))
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}\n"


def set_aside(folder: str) -> str:
    """Move a damaged file out of the way, whole, and say so."""
    name = f"{os.path.basename(folder)}.corrupt-{time.strftime('%Y%m%dT%H%M%S')}"
    place = os.path.join(os.path.dirname(folder), name)
    count = 1
    while os.path.lexists(place):
        count += 1
        place = os.path.join(os.path.dirname(folder), f"{name}-{count}")
    os.rename(data_path(folder), place)
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, "lock.mdb"))
    return f"state was damaged, rebuilt (kept as {os.path.basename(place)})"


def data_path(folder: str) -> str:
    """The file of the state in this folder."""
    return os.path.join(folder, "data.mdb")


def clean_path(folder: str) -> str:
    """Where it is noted that the last writer left it in order."""
    return os.path.join(folder, "clean")


def cause_of(error: Exception) -> str:
    """What the system said: the library puts its own words before it."""
    return str(error).rpartition(": ")[2] or type(error).__name__
