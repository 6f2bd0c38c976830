"""How the state is, without repairing anything; it does not know what is remembered in it, or why."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import lmdb

from mlmake.model.finding import Finding, note, ok, problem, warning
from mlmake.model.units import show_bytes
from mlmake.ports import Stamped
from mlmake.stores import probe
from mlmake.stores.apart import Died, Late, apart
from mlmake.stores.codec import SCHEMA, unpack_stamped, unpack_trace
from mlmake.stores.header import FORMAT, Health, inspect
from mlmake.stores.rows import path_key
from mlmake.stores.statefile import data_path, is_clean, is_in_use

MOST_ROWS = 200_000
"""Results that are read; the rest is counted."""

MOST_WALKED = 2**30
"""Bytes of a file whose pages are all read although its last writer left it in order."""

PATIENCE = 60.0
"""Seconds for a look."""

_REBUILT = "nothing needs to re-run: the next build sets it aside and rebuilds it from the store's records"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a look into a state found. `newest` is when the newest result ended, in seconds since the epoch.

    `unreadable` are results whose bytes are not theirs, `runs` the runs that results are of, `stamps` those of the
    paths that were asked for. `readers` are those of the database, as it shows them.
    """

    schema: int
    map_size: int
    used: int
    results: int
    unreadable: int = 0
    newest: float | None = None
    readers: tuple[str, ...] = ()
    runs: frozenset[str] = frozenset()
    stamps: Mapping[str, Stamped] = field(default_factory=dict)


def state(folder: str, paths: Iterable[str] = ()) -> tuple[list[Finding], Contents | None]:
    """All findings on the state in this folder, and its contents where they can be read."""
    health, size = inspect(data_path(folder)), 0
    match health:
        case Health.MISSING:
            return [ok("state-file", "there is no state yet: the first build makes it")], None
        case Health.NEWER:
            return [_newer(f"it is of another format than LMDB's {FORMAT}")], None
        case Health.DAMAGED:
            return [_damaged("the file does not begin like a state")], None
        case Health.SOUND | Health.DOUBTFUL:
            size = os.stat(data_path(folder)).st_size
    used = is_in_use(folder)
    try:
        # While somebody writes, pages change under the eyes of who walks them.
        walked = not used and (size <= MOST_WALKED or not is_clean(folder))
        if walked and not _is_whole(folder):
            return [_damaged("its pages do not fit together")], None
        found = apart(partial(_look, folder, list(paths), lock=used), seconds=PATIENCE)
    except Died as error:
        return [_damaged(f"it cannot be read: {error}")], None
    except Late as error:
        return [_slow(f"{show_bytes(size)}: {error}")], None
    if found.schema > SCHEMA:
        return [_newer(f"schema {found.schema}, this mlmake knows {SCHEMA}")], None
    how = "every page read" if walked else "in use, pages not read" if used else "left in order, pages not read"
    told = f"schema {found.schema}, file format {FORMAT}, {show_bytes(size)}; {how}"
    return [ok("state-file", told), _results(found), _map(found), _readers(found, used=used)], found


def _is_whole(folder: str) -> bool:
    """Whether all pages can be read and fit together."""
    try:
        return apart(partial(probe.walk, folder), seconds=PATIENCE) != probe.DAMAGED
    except Died:
        return False


def _look(folder: str, paths: list[str], *, lock: bool) -> Contents:
    """Read the state; may kill the process. Nothing is written, but a reader's place while a writer lives."""
    environment = lmdb.open(folder, readonly=True, lock=lock, max_dbs=16, create=False, lib_version=0)
    # Before this look takes a reader's place itself.
    readers = environment.readers().splitlines()[1:] if lock else []
    with environment.begin(buffers=True) as transaction:
        try:
            tables = {
                name: environment.open_db(name.encode(), txn=transaction, create=False)
                for name in ("results", "stamps", "meta")
            }
        except (lmdb.NotFoundError, lmdb.ReadonlyError):
            # Whoever made it was killed before it was filled; the next build fills it.
            return Contents(schema=0, map_size=0, used=0, results=0)
        schema = bytes(transaction.get(b"schema", default=b"0", db=tables["meta"]))
        newest, unreadable, runs = None, 0, set()
        for number, (_, row) in enumerate(transaction.cursor(tables["results"])):
            if number >= MOST_ROWS:
                break
            trace = unpack_trace(row)
            if trace is None:
                unreadable += 1
                continue
            newest = trace.ended if newest is None else max(newest, trace.ended)
            runs.add(trace.run)
        stamps = {path: unpack_stamped(transaction.get(path_key(path), db=tables["stamps"])) for path in paths}
        info, page = environment.info(), environment.stat()["psize"]
        results = transaction.stat(tables["results"])["entries"]
    environment.close()
    return Contents(
        schema=int(schema) if schema.isdigit() else 0,
        map_size=info["map_size"],
        used=(info["last_pgno"] + 1) * page,
        results=results,
        unreadable=unreadable,
        newest=newest,
        readers=tuple(line.strip() for line in readers if line.strip()),
        runs=frozenset(runs),
        stamps={path: stamped for path, stamped in stamps.items() if stamped is not None},
    )


def _results(found: Contents) -> Finding:
    told = f"{found.results} result{'s' if found.results != 1 else ''} remembered"
    if found.results > MOST_ROWS:
        told += f", the first {MOST_ROWS} read"
    if not found.unreadable:
        return ok("state-results", told)
    return warning(
        "state-results",
        f"{told}, {found.unreadable} of them cannot be read",
        why="what they were results of runs again",
        mend="mlmake build; or move the folder of the state away, it is rebuilt from the store's records",
    )


def _map(found: Contents) -> Finding:
    # The map a build opens is at least that large, whatever the file says.
    size = max(found.map_size, 1 << 30)
    return ok("state-map", f"{show_bytes(found.used)} used of a map of {show_bytes(size)}, which grows by itself")


def _readers(found: Contents, *, used: bool) -> Finding:
    count = len(found.readers)
    if not used:
        return ok("state-readers", "nobody has it open to write")
    told = f"a running mlmake has it open; {count} reader{'s' if count != 1 else ''}"
    if count < 100:
        return ok("state-readers", told)
    return note("state-readers", told, why="of 126 places for readers few are left: queries may have to wait")


def _damaged(what: str) -> Finding:
    return problem("state-file", f"the state is damaged: {what}", why=_REBUILT, mend="mlmake build")


def _slow(what: str) -> Finding:
    return warning(
        "state-file",
        f"the state could not be read, {what}",
        why="whether it is whole is not known; every command reads from it",
        mend="MLMAKE_STATE_DIR=FOLDER on a faster disk",
    )


def _newer(what: str) -> Finding:
    return problem(
        "state-file",
        f"the state was created by a newer mlmake: {what}",
        why="it is left untouched, and nothing can be built or asked with this one",
        mend="pip install --upgrade mlmake, or move the folder of the state away",
    )
