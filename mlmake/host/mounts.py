"""What is mounted where; it does not know what that means to anyone."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system: where it is, of which type, and whether it is mounted read-only."""

    point: str
    type: str
    readonly: bool


def mounts(text: str) -> list[Mount]:
    """The mounts that a `mountinfo` file tells of, in its order; lines that cannot be read are left out."""
    found = []
    for line in text.splitlines():
        head, dash, tail = line.partition(" - ")
        fields, rest = head.split(" "), tail.split(" ")
        if dash and len(fields) > 5 and len(rest) > 2:
            options = {*fields[5].split(","), *rest[2].split(",")}
            found.append(Mount(_OCTAL.sub(lambda m: chr(int(m[1], 8)), fields[4]), rest[0], "ro" in options))
    return found


def mount_of(path: str, known: Iterable[Mount]) -> Mount | None:
    """The mount that this absolute path, without links, lies on; None if that is not told."""
    around = [mount for mount in known if path == mount.point or path.startswith(mount.point.rstrip("/") + "/")]
    # Of two at the same place the later one hides the other.
    return max(reversed(around), key=lambda mount: len(mount.point), default=None)


def known_mounts(file: str = "/proc/self/mountinfo") -> list[Mount]:
    """The mounts of this process; none where the system does not tell."""
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as source:
            return mounts(source.read())
    except OSError:
        return []


def existing(path: str) -> str:
    """A path if it is there, else the nearest folder above it that is; without links."""
    here = os.path.realpath(path)
    while not os.path.exists(here):
        here = os.path.dirname(here)
    return here
