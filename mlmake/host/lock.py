"""One build at a time in a project, by a lock that dies with its holder; it does not know what a build is."""

import errno
import fcntl
import os
import time
from collections.abc import Callable

from mlmake.ports import StateTrouble

PAUSE = 0.05
"""Seconds between two tries."""


class BuildLock:
    """The lock on one file, which says who holds it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, command: str, *, wait: Callable[[str], None], stop: Callable[[], bool] = lambda: False) -> bool:
        """Take the lock; where another has it, tell `wait` so once and wait for it.

        False if `stop` said so meanwhile. Signal handlers run while it waits. Raises StateTrouble.
        """
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            mend = "make room there" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "make its folder writable"
            raise StateTrouble(f"cannot lock {self.path}: {error.strerror}: {mend}") from error
        try:
            told = False
            while not self._take(descriptor):
                if stop():
                    os.close(descriptor)
                    return False
                if not told:
                    told = True
                    wait(f"locked by {self.holder() or 'another mlmake'}")
                time.sleep(PAUSE)
            os.ftruncate(descriptor, 0)
            # Full disks may refuse the name of the holder; the lock holds all the same.
            _write(descriptor, f"{os.getpid()} {command}\n")
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def holder(self) -> str | None:
        """Who wrote its name into the lock last: `pid 12 (mlmake build)`; None if nobody did."""
        try:
            with open(self.path, encoding="utf-8", errors="surrogateescape") as file:
                pid, _, command = file.readline().rstrip("\n").partition(" ")
        except OSError:
            return None
        return f"pid {pid} ({command})" if pid.isdigit() else None

    def is_held(self) -> bool:
        """Whether who wrote its name last still lives; it takes nothing, so that no build is kept waiting."""
        told = self.holder()
        if told is None:
            return False
        try:
            os.kill(int(told.split()[1]), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def close(self) -> None:
        """Release the lock, if it is held."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.ftruncate(descriptor, 0)
            os.close(descriptor)

    def _take(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise StateTrouble(f"cannot lock {self.path}: {error.strerror}: use a file system with locks") from error
        return True


def _write(descriptor: int, text: str) -> None:
    try:
        os.pwrite(descriptor, text.encode("utf-8", "surrogateescape"), 0)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
