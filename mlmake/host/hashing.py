"""The digest of a file's bytes, with the stamp it held while they were read; it does not know who remembers it."""

import errno
import os
import stat
from collections.abc import Callable
from typing import TypeAlias

from xxhash import xxh3_128, xxh3_128_hexdigest

from mlmake.model.digest import Digest, Stamp

BLOCK = 256 * 1024
"""Bytes read at a time: larger blocks leave the processor's cache."""

TOLD_EVERY = 64 * 1024 * 1024
"""Bytes between two calls of a `Progress`; smaller files are hashed in silence."""

_TRIES = 3

Progress: TypeAlias = Callable[[str, int, int], None]
"""Is told a path, how many of its bytes are done, and how many there are."""


def stamp_of(status: os.stat_result) -> Stamp:
    """What a stat tells of a file."""
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode)


def hash_file(path: str, *, name: str, progress: Progress | None) -> tuple[Digest, Stamp | None]:
    """The digest of a regular file; no stamp if it was written to all the while. Raises OSError, naming the file.

    `name` is what progress calls it.
    """
    # Non-blocking, so that a pipe that took the file's place is an error and no wait without end.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        before = os.fstat(descriptor)
        for _ in range(_TRIES):
            if not stat.S_ISREG(before.st_mode):
                raise not_regular(path)
            digest = _digest(descriptor, before.st_size, name, progress)
            after = os.fstat(descriptor)
            if stamp_of(before) == stamp_of(after):
                return digest, stamp_of(after)
            before = after
            os.lseek(descriptor, 0, os.SEEK_SET)
        return digest, None
    except OSError as error:
        error.filename = error.filename or path
        raise
    finally:
        os.close(descriptor)


def not_regular(path: str) -> OSError:
    """The error of a pipe, socket or device where a file is meant."""
    return OSError(errno.EINVAL, "is a pipe, socket or device, not a file", path)


def _digest(descriptor: int, size: int, name: str, progress: Progress | None) -> Digest:
    if size < BLOCK:
        # One byte more than there should be; a whole block would be fresh memory for every small file.
        data = os.read(descriptor, size + 1)
        if len(data) == size:
            return Digest(xxh3_128_hexdigest(data))
        os.lseek(descriptor, 0, os.SEEK_SET)
    hasher, buffer = xxh3_128(), memoryview(bytearray(BLOCK))
    done, told = 0, 0
    while count := os.readv(descriptor, [buffer]):
        hasher.update(buffer[:count])
        done += count
        if progress is not None and done - told >= TOLD_EVERY:
            told = done
            progress(name, done, max(size, done))
    return Digest(hasher.hexdigest())
