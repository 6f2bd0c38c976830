"""One pass over a file's bytes: both its names, and a copy; it does not know what the copy is for."""

import fcntl
import os
from dataclasses import dataclass

from blake3 import blake3
from xxhash import xxh3_128

from mlmake.model.digest import Digest, ObjectName

BLOCK = 256 * 1024
"""Bytes read at a time: larger blocks leave the processor's cache."""

_FICLONE = 0x40049409


@dataclass(frozen=True, slots=True)
class Names:
    """The two digests of the same bytes, and how many they are."""

    digest: Digest
    object: ObjectName
    size: int


class Copier:
    """Copies between descriptors; remembers between which disks blocks cannot be shared."""

    def __init__(self, *, reflink: bool = True) -> None:
        self._reflink = reflink
        self._unshared: set[tuple[int, int]] = set()

    def copy(self, source: int, target: int) -> Names:
        """Copy all bytes and name them. Raises OSError."""
        # Shared blocks are hashed from the copy: the original may move meanwhile.
        return named(target) if self._share(source, target) else named(source, target)

    def _share(self, source: int, target: int) -> bool:
        disks = os.fstat(source).st_dev, os.fstat(target).st_dev
        if not self._reflink or disks in self._unshared:
            return False
        try:
            fcntl.ioctl(target, _FICLONE, source)
        except OSError:
            self._unshared.add(disks)
            return False
        os.lseek(target, 0, os.SEEK_SET)
        return True


def named(source: int, target: int | None = None) -> Names:
    """Read a descriptor to its end, naming its bytes and writing them to `target`, if given. Raises OSError."""
    buffer = bytearray(BLOCK)
    view = memoryview(buffer)
    quick, strong, size = xxh3_128(), blake3(), 0
    while count := os.readv(source, [view]):
        block = view[:count]
        quick.update(block)
        strong.update(block)
        size += count
        if target is not None:
            write_all(target, block)
    return Names(Digest(quick.hexdigest()), ObjectName(strong.hexdigest()), size)


def write_all(target: int, block: bytes | memoryview) -> None:
    """Write all of it, however many calls that takes. Raises OSError."""
    view = memoryview(block)
    while view:
        view = view[os.write(target, view) :]


def reading(path: str) -> int:
    """A descriptor to read this file. Raises OSError, which names the file; a pipe is not waited for."""
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
