"""How the content store is, by samples, without changing it; it does not know what its bytes mean to a build."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from blake3 import blake3

from mlmake.model.finding import Finding, note, ok, problem, warning
from mlmake.model.units import show_bytes
from mlmake.stores.codec import trace_from_json
from mlmake.stores.content import FOLDER, is_abandoned
from mlmake.stores.copying import named, reading

MOST_OBJECTS = 200
MOST_BYTES = 512 * 2**20
MOST_LINES = 100_000
PATIENCE = 10.0
"""Seconds: a sample ends there."""

NAMED = 3


@dataclass(frozen=True, slots=True)
class Record:
    """What a plain record tells of its result: its run, and when that ended (seconds since the epoch)."""

    run: str
    ended: float


def store(folder: str, *, known_runs: frozenset[str] | None, own: bool) -> tuple[list[Finding], float | None]:
    """All findings on the store in this folder, and when its newest result ended.

    `known_runs` are the runs that the state knows (none: it could not be read); `own`: the store lies beside the state.
    """
    if not os.path.isdir(folder):
        return [ok("store", "there is no store yet: the first build makes it")], None
    found, bad, cut = records(f"{folder}/records")
    findings = [objects(folder), _readable(found, bad, cut), leftovers(f"{folder}/tmp")]
    if shared := _shared(found, known_runs, own=own):
        findings.append(shared)
    return findings, max((record.ended for record in found), default=None)


def objects(folder: str) -> Finding:
    """Hash some objects again, spread over the whole store, and compare with their names."""
    names = sorted(_objects(f"{folder}/objects"))
    step = max(1, -(-len(names) // MOST_OBJECTS))
    began, done, read = time.monotonic(), 0, 0
    damaged, unreadable = list[str](), list[str]()
    for path in names[::step]:
        try:
            size = os.stat(path).st_size
            if done and (read + size > MOST_BYTES or time.monotonic() - began > PATIENCE):
                break
            if not _sound(path):
                damaged.append(path)
        except FileNotFoundError:
            # Dropped since it was listed.
            continue
        except OSError:
            unreadable.append(path)
            continue
        done, read = done + 1, read + size
    told = f"{done} of {len(names)} objects hashed again ({show_bytes(read)})"
    if damaged:
        return problem(
            "store-objects",
            f"{len(damaged)} damaged: {_some(damaged, folder)}; {told}",
            why="they are never restored, their steps run again; the disk is at fault, or who wrote into the store",
            mend=f"rm {' '.join(damaged[:NAMED])}",
        )
    if unreadable:
        return warning(
            "store-objects",
            f"{len(unreadable)} cannot be read: {_some(unreadable, folder)}; {told}",
            why="what cannot be read cannot be restored",
            mend="look who owns them and what their mode is; look into the system's log",
        )
    return ok("store-objects", told if names else "the store is empty")


def records(folder: str) -> tuple[list[Record], int, bool]:
    """What can be read of the plain records, how many lines cannot, and whether some were left out."""
    found, bad = list[Record](), 0
    for number, (line, last) in enumerate(_lines(folder)):
        if number >= MOST_LINES:
            return found, bad, True
        trace = trace_from_json(line)
        if trace is not None:
            found.append(Record(trace.run, trace.ended))
        elif not last:
            bad += 1
    return found, bad, False


def leftovers(folder: str) -> Finding:
    """What killed processes left half made."""
    count, size = 0, 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if is_abandoned(entry):
                        count, size = count + 1, size + entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    # A build that runs has finished it.
                    continue
    except FileNotFoundError:
        pass
    if not count:
        return ok("store-leftovers", "nothing half made is left")
    told = f"{count} temporary file{'s' if count != 1 else ''} of killed builds, {show_bytes(size)}"
    return note("store-leftovers", told, why="they take room and do no harm", mend="mlmake build removes them")


def _readable(found: list[Record], bad: int, cut: bool) -> Finding:
    told = f"{len(found)} plain record{'s' if len(found) != 1 else ''} can be read" + (", more not looked at" * cut)
    if not bad:
        return ok("store-records", told)
    return warning(
        "store-records",
        f"{told}, {bad} cannot",
        why="should the state be lost too, what they tell of runs again",
        mend="a newer mlmake wrote them, or the disk is at fault: look into the system's log",
    )


def _shared(found: list[Record], known_runs: frozenset[str] | None, *, own: bool) -> Finding | None:
    """Whether others have put results into this store; nothing can be said without the state."""
    if known_runs is None:
        return None
    foreign = sum(1 for record in found if record.run not in known_runs)
    if foreign and not own:
        return note(
            "store-shared",
            f"{foreign} of {len(found)} results are not in this project's state: others share the store",
            why="what they add is not seen here as long as the state stands; objects may be theirs",
            mend="remove nothing by hand; MLMAKE_CACHE_DIR, or `dir` under [cache], for a store of its own",
        )
    if foreign:
        why = "the state was renewed meanwhile, or the store came from elsewhere; they are not offered"
        return note("store-shared", f"{foreign} of {len(found)} results are not in the state", why=why)
    return ok("store-shared", "no results of other projects are in it")


def _objects(folder: str) -> Iterator[str]:
    for here, _, names in os.walk(folder):
        yield from (os.path.join(here, name) for name in names)


def _sound(path: str) -> bool:
    """Whether the bytes of an object are those of its name. Raises OSError."""
    name = os.path.basename(path)
    if name.endswith(FOLDER):
        with open(path, "rb") as file:
            return blake3(file.read()).hexdigest() == name.removesuffix(FOLDER)
    source = reading(path)
    try:
        return named(source).object == name
    finally:
        os.close(source)


def _lines(folder: str) -> Iterator[tuple[bytes, bool]]:
    """Each line of each file of records, and whether it is the last one and torn, which a kill may do."""
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    for name in names:
        if name.endswith(".jsonl"):
            with open(os.path.join(folder, name), "rb") as file:
                yield from ((line, not line.endswith(b"\n")) for line in file if line.strip())


def _some(paths: list[str], folder: str) -> str:
    named = ", ".join(os.path.basename(path)[:12] + "…" for path in paths[:NAMED])
    return named + (f" and {len(paths) - NAMED} more" if len(paths) > NAMED else "")
