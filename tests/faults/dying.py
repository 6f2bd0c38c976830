"""Runs mlmake and lets it die, or fails a call, at the K-th change it makes to the disk, whichever thread makes it.

Arguments: what happens (`kill`, `torn`, or the name of an errno), K, the file that takes the count of changes, and
the words of the command. What a system call tracer cannot do: it counts the calls of each thread by itself.
"""

import builtins
import errno
import os
import signal
import sys
import threading

HAPPENS, POINT, TOLD, *WORDS = sys.argv[1:]
CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
ALWAYS = (
    "rename", "replace", "link", "symlink", "unlink", "remove", "mkdir", "rmdir", "write", "pwrite", "fsync",
    "ftruncate", "posix_fallocate", "chmod",
)  # fmt: skip
FAILING = ("rename", "replace", "symlink", "mkdir", "write", "pwrite", "fsync", "posix_fallocate")

guard = threading.Lock()
seen = []


def meet(name, call, *arguments, **named):
    """Count one change; at the chosen one, die or fail."""
    if name == "write" and os.readlink(f"/proc/self/fd/{arguments[0]}").startswith("pipe:"):
        # By these threads wake each other; it is no disk.
        return call(*arguments, **named)
    with guard:
        seen.append(name)
        met = len(seen) == int(POINT)
        if met:
            if HAPPENS == "torn" and name in ("write", "pwrite"):
                call(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2], *arguments[2:])
            if HAPPENS in ("kill", "torn"):
                os.kill(os.getpid(), signal.SIGKILL)
    if met:
        raise OSError(getattr(errno, HAPPENS), os.strerror(getattr(errno, HAPPENS)), *named_files(name, arguments))
    return call(*arguments, **named)


def named_files(name, arguments):
    return [str(arguments[0])] if arguments and isinstance(arguments[0], str) else []


def watch(name):
    call = getattr(os, name)
    setattr(os, name, lambda *arguments, **named: meet(name, call, *arguments, **named))


for name in ALWAYS if HAPPENS in ("kill", "torn") else FAILING:
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
with opened(TOLD, "w") as file:
    file.write(f"{len(seen)} {int(len(seen) >= int(POINT))}")
sys.exit(code)
