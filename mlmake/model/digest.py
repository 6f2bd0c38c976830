"""How sameness of values and bytes is named; it knows nothing of files, stores or where bytes lie."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NewType, TypeAlias

from xxhash import xxh3_128_hexdigest

Digest = NewType("Digest", str)
"""32 hexadecimal digits, XXH3-128: detects a change on this machine, is no protection against a forger."""

ObjectName = NewType("ObjectName", str)
"""64 hexadecimal digits, BLAKE3-256: names bytes wherever they go."""


class Absent(Enum):
    """A version that is no digest: nothing there, or not known before something upstream has run."""

    MISSING = "missing"
    UNKNOWN = "unknown"


MISSING = Absent.MISSING
UNKNOWN = Absent.UNKNOWN

Version: TypeAlias = Digest | Absent
"""What is at a path: the digest of its content, or why there is none."""

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = (
    Scalar | datetime.datetime | datetime.date | datetime.time | Sequence["Value"] | Mapping[str, "Value"] | None
)
"""What a parameter or a matrix key may hold: the values of TOML, JSON and YAML."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a stat tells of a file: equal stamps spare re-hashing, they never decide anything else."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int


def canonical(value: Value) -> bytes:
    """One spelling for equal values: types are kept apart (`1`, `1.0` and `true` differ), tables are sorted."""
    match value:
        case list() | tuple():
            # First, because asking whether something is a Mapping is slow.
            return b"[" + b"".join(map(canonical, value)) + b"]"
        case None:
            return b"n"
        case bool():
            return b"t" if value else b"f"
        case int():
            return b"i%d;" % value
        case float():
            return b"d" + repr(value).encode() + b";"
        case str():
            text = value.encode("utf-8", "surrogateescape")
            return b"s%d:" % len(text) + text
        case datetime.datetime() | datetime.date() | datetime.time():
            return b"@" + value.isoformat().encode() + b";"
        case Mapping():
            return b"{" + b"".join(canonical(k) + canonical(value[k]) for k in sorted(value)) + b"}"
        case Sequence():
            return b"[" + b"".join(map(canonical, value)) + b"]"


def digest_of(value: Value) -> Digest:
    """The digest of a value, by its canonical spelling."""
    return Digest(xxh3_128_hexdigest(canonical(value)))
