"""A file to try things on, gone at the end whatever happens; it does not know what is tried."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_NAMELESS_NOT_HERE = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS, errno.ENOENT)


@contextmanager
def scratch_file(folder: str) -> Iterator[int]:
    """A descriptor of a new file on this folder's disk; without a name where that is possible. Raises OSError."""
    descriptor = _nameless(folder)
    if descriptor is None:
        descriptor, name = tempfile.mkstemp(prefix=".mlmake-doctor-", dir=folder)
        os.unlink(name)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def scratch_name(folder: str) -> Iterator[str]:
    """The path of a new empty file in this folder. Raises OSError."""
    descriptor, name = tempfile.mkstemp(prefix=".mlmake-doctor-", dir=folder)
    os.close(descriptor)
    try:
        yield name
    finally:
        os.unlink(name)


def _nameless(folder: str) -> int | None:
    """A file that no listing shows and that leaves the folder's times alone."""
    if not hasattr(os, "O_TMPFILE"):
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in _NAMELESS_NOT_HERE:
            return None
        raise
