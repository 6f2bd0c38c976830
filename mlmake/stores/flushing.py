"""Makes files durable, many at a time; it does not know what is in them."""

import os
from collections.abc import Iterator, Sequence
from threading import Lock, Thread
from time import monotonic

TOGETHER = 16
"""Files flushed at once: the file system answers all of them with one commit of its journal."""


PATIENCE = 0.004
"""Seconds of flushing one after the other."""


def flush_all(paths: Sequence[str]) -> None:
    """Return when all of these files and folders are on the disk. Raises OSError, the first there was."""
    began, done = monotonic(), 0
    # While the disk answers at once, threads cost more than they spare.
    while done < len(paths) and (len(paths) - done < 3 or monotonic() - began < PATIENCE):
        _flush(paths[done])
        done += 1
    if done < len(paths):
        _flush_together(paths[done:])


def _flush_together(paths: Sequence[str]) -> None:
    left, guard = iter(paths), Lock()
    errors: list[OSError] = []
    threads = [Thread(target=_flush_some, args=(left, guard, errors)) for _ in range(min(TOGETHER, len(paths)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _flush_some(left: Iterator[str], guard: Lock, errors: list[OSError]) -> None:
    while not errors:
        with guard:
            path = next(left, None)
        if path is None:
            return
        try:
            _flush(path)
        except OSError as error:
            errors.append(error)


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
