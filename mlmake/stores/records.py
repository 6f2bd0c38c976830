"""Plain records of results, a file a run, from which a lost state is rebuilt; they know nothing of the bytes."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

from mlmake.model.trace import Trace
from mlmake.stores.codec import trace_from_json, trace_to_json


class Records:
    """One JSON document a line, in `RUN.jsonl`. A run has one process, so lines never mix."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._unwritten: dict[str, list[bytes]] = {}

    def add(self, trace: Trace) -> None:
        """Take a result, to be written by `write`."""
        self._unwritten.setdefault(self._path(trace), []).append(trace_to_json(trace) + b"\n")

    def write(self) -> None:
        """Append what was taken. Raises OSError; what could not be written is given up.

        It is not flushed: it is read only if the state is lost, and a torn line is no line.
        """
        unwritten, self._unwritten = self._unwritten, {}
        for path, lines in unwritten.items():
            # Begun anew, should what is there have found no room for its end.
            _append(path, b"\n" + b"".join(lines))

    def __iter__(self) -> Iterator[Trace]:
        """All that can be read, in no order. Raises OSError if what was taken cannot be written."""
        self.write()
        with suppress(OSError), os.scandir(self.folder) as files:
            for file in files:
                if file.name.endswith(".jsonl"):
                    yield from (trace for _, trace in _lines(file.path) if trace is not None)

    def drop(self, trace: Trace) -> None:
        """Take a result out; the file is replaced as a whole. Raises OSError."""
        self.write()
        path = self._path(trace)
        left = [line for line, found in _lines(path) if found != trace]
        if not left:
            with suppress(FileNotFoundError):
                os.unlink(path)
            return
        fresh = f"{path}.{os.getpid()}"
        with open(fresh, "wb") as file:
            file.writelines(left)
        os.replace(fresh, path)

    def _path(self, trace: Trace) -> str:
        return f"{self.folder}/{quote(trace.run, safe='')}.jsonl"


def _append(path: str, lines: bytes) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        target = os.open(path, flags, 0o644)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        target = os.open(path, flags, 0o644)
    try:
        if os.write(target, lines) < len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        os.close(target)


def _lines(path: str) -> Iterator[tuple[bytes, Trace | None]]:
    try:
        with open(path, "rb") as file:
            lines = file.readlines()
    except OSError:
        return
    for line in filter(bytes.strip, lines):
        yield line, trace_from_json(line)
