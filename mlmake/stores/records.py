"""Plain records of results, a file a run, from which a lost state is rebuilt; they know nothing of the bytes."""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import quote

import msgspec

from mlmake.model.trace import Trace
from mlmake.stores.codec import trace_from_json, trace_to_json

BLOCK = 512
"""Bytes of a block as the system counts them."""

_PAGE = 4096
"""Bytes by which most file systems give room."""


class Records:
    """One JSON document a line, in `RUN.jsonl`. A run has one process, so lines never mix.

    Where several projects share the folder each has an `owner` name of its own, and its files are `RUN.OWNER.jsonl`.
    """

    def __init__(self, folder: str, *, owner: str = "") -> None:
        self.folder, self.owner = folder, owner
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

    def drop(self, traces: Iterable[Trace], *, dry: bool = False) -> int:
        """Take results out; each file is replaced as a whole. Gives the bytes of disk set free. Raises OSError.

        If `dry`, nothing is taken out, and the bytes are what it would come to.
        Of a result counts what it is and when it was made, not its place among the recordings of some state.
        """
        self.write()
        doomed: dict[str, set[tuple[str, ...]]] = {}
        for trace in traces:
            doomed.setdefault(self._path(trace), set()).add(_identity(trace))
        return sum(_drop(path, identities, dry=dry) for path, identities in doomed.items())

    def touched(self, run: str) -> float | None:
        """When the file of a run was last written, in seconds since the epoch; None if there is none."""
        try:
            return os.stat(self._named(run)).st_mtime
        except OSError:
            return None

    def of(self, owner: str) -> Iterator[Trace | None]:
        """The results of one owner, in no order; None for each line that cannot be read."""
        for path in self.files(owner):
            yield from (trace for _, trace in _lines(path))

    def files(self, owner: str) -> list[str]:
        """The paths of an owner's files."""
        with suppress(FileNotFoundError):
            names = os.listdir(self.folder)
            return sorted(f"{self.folder}/{n}" for n in names if n.endswith(".jsonl") and owner_of(n) == owner)
        return []

    def _path(self, trace: Trace) -> str:
        return self._named(trace.run)

    def _named(self, run: str) -> str:
        return f"{self.folder}/{quote(run, safe='')}{'.' if self.owner else ''}{self.owner}.jsonl"


def owner_of(name: str) -> str:
    """Whose a file of records is by its name; empty if it has no owner's name."""
    found = re.fullmatch(r".*\.([0-9a-f]{16})\.jsonl", name)
    return found[1] if found else ""


class _Identity(msgspec.Struct):
    """Of a result only what tells it from others: the rest is skipped much faster than read."""

    action: str
    recipe: str
    run: str
    ended: float


class _Identified(msgspec.Struct):
    trace: _Identity


_decode_identity = msgspec.json.Decoder(_Identified).decode


def _identity(trace: Trace | _Identity) -> tuple[str, ...]:
    return (trace.action, trace.recipe, trace.run, repr(trace.ended))


def _identity_in(line: bytes) -> tuple[str, ...] | None:
    try:
        return _identity(_decode_identity(line).trace)
    except (msgspec.DecodeError, UnicodeError):
        trace = trace_from_json(line)
        return None if trace is None else _identity(trace)


def _drop(path: str, doomed: set[tuple[str, ...]], *, dry: bool) -> int:
    """Take the lines of these results out of a file; gives the bytes of disk that are free now."""
    try:
        with open(path, "rb") as file:
            before = os.fstat(file.fileno()).st_blocks
            lines = [line for line in file if line.strip()]
    except FileNotFoundError:
        return 0
    left = [line for line in lines if _identity_in(line) not in doomed]
    if len(left) == len(lines):
        return 0
    if dry:
        return before * BLOCK - -(-sum(map(len, left)) // _PAGE) * _PAGE
    if not left:
        os.unlink(path)
        return before * BLOCK
    fresh = f"{path}.{os.getpid()}"
    try:
        with open(fresh, "wb") as file:
            file.writelines(left)
            file.flush()
            after = os.fstat(file.fileno()).st_blocks
        os.replace(fresh, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(fresh)
        raise
    return (before - after) * BLOCK


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
