"""Runs mlmake and lets it die, or fails a call, at one of the changes it makes to the disk, whichever thread makes it.

Arguments: what happens (`kill`, `torn`, or the name of an errno); where, as "N PLACE" for the N-th change at this
place, or "N" for the N-th of all; the file that takes the places of all changes, in order, or of the one that was
struck; the command's words.
What a system call tracer cannot do: it counts the calls of each thread by itself.
"""

import builtins
import errno
import json
import os
import signal
import sys
import threading
from contextlib import suppress

from sweeping import alike

HAPPENS, WHERE, TOLD, *WORDS = sys.argv[1:]
NUMBER, PLACE = WHERE.partition(" ")[::2]
ROOT = os.getcwd()
CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
KILLED = (
    "rename", "replace", "link", "symlink", "unlink", "remove", "mkdir", "rmdir", "write", "pwrite", "fsync",
    "ftruncate", "posix_fallocate", "chmod",
)  # fmt: skip
TORN = ("write", "pwrite")
FAILING = ("rename", "replace", "symlink", "mkdir", "write", "pwrite", "fsync", "posix_fallocate")

guard = threading.Lock()
seen = []


def meet(name, call, *arguments, **named):
    """Note one change; at the chosen one, die or fail."""
    place = place_of(name, arguments)
    if "pipe:" in place:
        # By these threads wake each other; it is no disk.
        return call(*arguments, **named)
    with guard:
        seen.append(place)
        met = int(NUMBER) == (seen.count(place) if place == PLACE else 0 if PLACE else len(seen))
        if met and HAPPENS in ("kill", "torn"):
            tell(place)
            if HAPPENS == "torn":
                with suppress(OSError):
                    tear(name, call, *arguments, **named)
            os.kill(os.getpid(), signal.SIGKILL)
    if met:
        raise OSError(getattr(errno, HAPPENS), os.strerror(getattr(errno, HAPPENS)), *named_files(name, arguments))
    return call(*arguments, **named)


def tear(name, call, *arguments, **named):
    """Do half of it: of a file that is opened anew, that is all but its content."""
    if name == "open":
        call(*arguments, **named)
    else:
        call(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2], *arguments[2:])


def place_of(name, arguments):
    words = []
    for argument in arguments[:2]:
        if isinstance(argument, int) and not words:
            words.append(os.readlink(f"/proc/self/fd/{argument}"))
        elif isinstance(argument, str) and (name != "open" or not words):
            words.append(argument)
    return f"{name} {' → '.join(alike(word, ROOT) for word in words)}"


def tell(what):
    with opened(TOLD, "w") as file:
        json.dump(what, file)


def named_files(name, arguments):
    return [str(arguments[0])] if arguments and isinstance(arguments[0], str) else []


def watch(name):
    call = getattr(os, name)
    setattr(os, name, lambda *arguments, **named: meet(name, call, *arguments, **named))


for name in {"kill": KILLED, "torn": TORN}.get(HAPPENS, FAILING):
    watch(name)
opened, opened_low = builtins.open, os.open


def open_low(path, flags, *arguments, **named):
    if flags & CHANGING:
        return meet("open", opened_low, path, flags, *arguments, **named)
    return opened_low(path, flags, *arguments, **named)


def open_high(file, mode="r", *arguments, **named):
    if isinstance(file, str) and not mode.startswith("r"):
        return meet("open", opened, file, mode, *arguments, **named)
    return opened(file, mode, *arguments, **named)


os.open, builtins.open = open_low, open_high
sys.argv = ["mlmake", *WORDS]
from mlmake.cli.main import main  # noqa: E402

code = main()
met = bool(PLACE) and seen.count(PLACE) >= int(NUMBER)
tell(PLACE if met else seen)
sys.exit(code)
