"""Whether the kernel tells of changes in a folder, tried with a real one; it does not know who wants to be told."""

import ctypes
import errno
import os
import select
import struct
from contextlib import suppress

from mlmake.host.mounts import existing
from mlmake.host.scratch import scratch_name
from mlmake.model.finding import Finding, note, ok, warning

WAIT = 2.0
"""Seconds until an event is given up."""

_OPEN, _CREATE = 0x20, 0x100
_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK
_EVENT = struct.Struct("iIII")
_POLLING = "changes are found by looking again and again, later and at a price"


def events(folder: str) -> Finding:
    """Make a change in this folder and wait for the kernel to tell of it; where nothing can be written, open it."""
    place = existing(folder)
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "inotify_init1"):
        return note("inotify", "this system has no inotify", why=_POLLING)
    descriptor = library.inotify_init1(_FLAGS)
    if descriptor < 0:
        return _refused("no inotify instance can be had", ctypes.get_errno(), "fs.inotify.max_user_instances=512")
    try:
        if library.inotify_add_watch(descriptor, os.fsencode(place), _OPEN | _CREATE) < 0:
            return _refused("a folder cannot be watched", ctypes.get_errno(), "fs.inotify.max_user_watches=65536")
        cause = _stir(place)
        # The deadline is that of each wait: opening the folder to write may come first.
        while select.select([descriptor], [], [], WAIT)[0]:
            with suppress(BlockingIOError):
                if _tells(os.read(descriptor, 65536), cause):
                    return ok("inotify", "an event came back: changes are noticed")
    finally:
        os.close(descriptor)
    return warning(
        "inotify",
        f"a change in {place} was not told of within {WAIT:.0f} s",
        why=_POLLING,
        mend="keep the project on a local file system",
    )


def _stir(place: str) -> int:
    """Do something that the kernel should tell of; gives what."""
    try:
        with scratch_name(place):
            return _CREATE
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT):
            raise
        os.close(os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        return _OPEN


def _tells(data: bytes, cause: int) -> bool:
    """Whether these events have one of this cause."""
    start = 0
    while start + _EVENT.size <= len(data):
        _, mask, _, length = _EVENT.unpack_from(data, start)
        if mask & cause:
            return True
        start += _EVENT.size + length
    return False


def _refused(what: str, code: int, setting: str) -> Finding:
    return warning("inotify", f"{what}: {os.strerror(code)}", why=_POLLING, mend=f"sysctl {setting}")
