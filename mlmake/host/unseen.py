"""Files whose content changed while their stamp stayed: memory maps and liars; it knows neither who nor why."""

import os
import stat
import time
from collections.abc import Iterable, Mapping

from mlmake.host.files import trusted
from mlmake.host.hashing import hash_file
from mlmake.model.digest import Digest
from mlmake.model.finding import Finding, ok, problem
from mlmake.model.units import show_bytes
from mlmake.ports import Stamped

MOST_BYTES = 2**30
PATIENCE = 10.0
"""Seconds: what could not be read by then is told of."""

NAMED = 3


def unseen(root: str, stamps: Mapping[str, Stamped]) -> Finding:
    """Read what a build would believe by its stamp alone, small files first, and compare.

    `stamps` are by path in the project. Files that a build would read anyway are left to it.
    """
    believed = sorted(_believed(root, stamps), key=lambda found: found[1])
    began, done, read = time.monotonic(), 0, 0
    changed = []
    for path, size in believed:
        if read + size > MOST_BYTES or time.monotonic() - began > PATIENCE:
            break
        if _digest(os.path.join(root, path)) not in (stamps[path].digest, None):
            changed.append(path)
        done, read = done + 1, read + size
    told = f"{done} of {len(believed)} inputs read ({show_bytes(read)}) whatever their times say"
    if not changed:
        return ok("unseen-changes", told if believed else "no input is believed by its times")
    names = ", ".join(changed[:NAMED]) + (f" and {len(changed) - NAMED} more" if len(changed) > NAMED else "")
    return problem(
        "unseen-changes",
        f"changed without a trace in size and times: {names}; {told}",
        why="a program wrote through a memory map, or set the clock: builds take the old content for the present one",
        mend="mlmake build --rehash",
    )


def _believed(root: str, stamps: Mapping[str, Stamped]) -> Iterable[tuple[str, int]]:
    for path, stamped in stamps.items():
        try:
            status = os.stat(os.path.join(root, path))
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and trusted(stamped.stamp, status, looked_ns=stamped.hashed_ns):
            yield path, status.st_size


def _digest(place: str) -> Digest | None:
    """The digest of a file as it is; None if it is being written, or cannot be read."""
    try:
        digest, stamp = hash_file(place, name=place, progress=None)
    except OSError:
        return None
    return digest if stamp is not None else None
