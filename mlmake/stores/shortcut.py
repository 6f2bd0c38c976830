"""The shortcut of the one judge: if every stat is what it was when all was up to date, it still is; it judges nothing.

A full judgement that found everything up to date leaves a note of all it had looked at. If nothing of that differs,
the same request has the same answer, without reading the Mlfile or opening the state.
"""

import os
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence

from xxhash import xxh3_64_digest, xxh3_128_hexdigest

MAGIC = b"mlmake-quick-1\n"
FIELDS = 5
YOUNG_NS = 2_000_000_000
"""A file changed less than this before it was looked at may change again without a trace in its stat."""

MOST_NOTES = 64

Row = tuple[int, int, int, int, int]
GONE: Row = (-1, 0, 0, 0, 0)


def request_key(words: Sequence[str], folder: str, environ: Mapping[str, str], *, version: str) -> str:
    """The name of a request: the words of the command line, where, and the variables that are mlmake's own."""
    own = [f"{name}={value}" for name, value in sorted(environ.items()) if name.startswith("MLMAKE_")]
    parts = [version, sys.version, sys.executable, folder, *own, "--", *words]
    return xxh3_128_hexdigest("\0".join(parts).encode("utf-8", "surrogateescape"))


def look(path: str) -> Row:
    """The stat of a path as far as it counts; GONE if nothing is there."""
    try:
        found = os.stat(path)
    except OSError:
        return GONE
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_mode)


def recall(file: str, environ: Mapping[str, str]) -> bytes | None:
    """The message noted for a request if everything is as it was, else None. Paths are relative to this folder."""
    try:
        with open(file, "rb") as source:
            data = source.read()
    except OSError:
        return None
    head = len(MAGIC) + 8
    if data[: len(MAGIC)] != MAGIC or xxh3_64_digest(data[head:]) != data[len(MAGIC) : head]:
        return None
    sizes = array("q", data[head : head + 24])
    count, told, passed = sizes
    start = head + 24
    rows = array("q", data[start : start + 8 * FIELDS * count])
    start += 8 * FIELDS * count
    message = data[start : start + told]
    wanted = data[start + told : start + told + passed].decode("utf-8", "surrogateescape")
    if wanted and any(_variable(entry) != _now(entry, environ) for entry in wanted.split("\0")):
        return None
    paths = data[start + told + passed :].split(b"\0")
    stat, place = os.stat, 0
    for path in paths:
        try:
            found = stat(path)
        except OSError:
            if rows[place] != -1:
                return None
        else:
            if (
                found.st_mtime_ns != rows[place + 1]
                or found.st_size != rows[place]
                or found.st_ctime_ns != rows[place + 2]
                or found.st_ino != rows[place + 3]
                or found.st_mode != rows[place + 4]
            ):
                return None
        place += FIELDS
    return message


def note(
    file: str,
    looked: Iterable[tuple[str, Row]],
    *,
    message: bytes,
    environ: Mapping[str, str],
    passed: Iterable[str],
    now_ns: int,
) -> bool:
    """Write down what a judgement had looked at; not if any of it is too young to be told apart later.

    `now_ns` is when the judgement began; the stats in `looked` may be taken after it. `passed` names the variables
    that are inputs.
    """
    seen = dict(looked)
    # The kernel sets the ctime and nobody else: what was touched after `now_ns` counts as young too.
    if any(now_ns - row[2] < YOUNG_NS and row != GONE for row in seen.values()):
        return False
    rows = array("q", (field for row in seen.values() for field in row))
    wanted = "\0".join(f"{name}={_digest(environ.get(name))}" for name in sorted(set(passed)))
    told = wanted.encode("utf-8", "surrogateescape")
    paths = b"\0".join(os.fsencode(path) for path in seen)
    body = array("q", (len(seen), len(message), len(told))).tobytes() + rows.tobytes() + message + told + paths
    temporary = f"{file}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(temporary, "wb") as target:
            target.write(MAGIC + xxh3_64_digest(body) + body)
        os.replace(temporary, file)
        _thin_out(os.path.dirname(file))
    except OSError:
        # A shortcut that cannot be written costs time, nothing else.
        return False
    return True


def _thin_out(folder: str) -> None:
    """Drop the oldest notes: words that nobody says any more."""
    with os.scandir(folder) as entries:
        notes = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries)
    for _, path in notes[:-MOST_NOTES]:
        os.unlink(path)


def _variable(entry: str) -> str:
    return entry.partition("=")[2]


def _now(entry: str, environ: Mapping[str, str]) -> str:
    return _digest(environ.get(entry.partition("=")[0]))


def _digest(value: str | None) -> str:
    return "" if value is None else xxh3_128_hexdigest(value.encode("utf-8", "surrogateescape"))
