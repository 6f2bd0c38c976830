"""State in LMDB: results, failures and stamps that outlive the process; it does not know what is judged from them."""

import gc
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import RLock
from typing import Any, TypeVar

import lmdb

from mlmake.model.digest import Digest, ObjectName, Version
from mlmake.model.trace import Failure, Trace
from mlmake.ports import Counted, Stamped, StateTrouble
from mlmake.stores.codec import (
    SCHEMA,
    pack,
    pack_time,
    unpack_counted,
    unpack_failure,
    unpack_stamped,
    unpack_time,
    unpack_trace,
)
from mlmake.stores.memory import makes, ordered, renumbered
from mlmake.stores.rows import (
    NAMES,
    Change,
    Drop,
    Hit,
    Known,
    Parts,
    Put,
    Remembered,
    apply,
    hour_of,
    number_key,
    object_key,
    oldest,
    path_key,
    place_of,
    remove,
    short,
    stands,
    touch,
)
from mlmake.stores.statefile import cause_of, clean_path, mark_clean, newer

_BATCH = 5_000
"""Stamps a transaction: more would keep another writer waiting."""

_WARNED = b"warned:"

_DIGEST = re.compile(rb"[0-9a-f]{32}")
_Found = TypeVar("_Found")

_COUNTED = b"counted"
"""The note that references and hits are complete: a state may be older than them."""

OVERDUE = 24
"""Hours after which a hit is worth a transaction of its own."""


class LmdbState:
    """One open state. `notices` are sentences for the user about how it was found."""

    def __init__(self, environment: Any, folder: str, *, readonly: bool, in_use: int | None, parts: Parts) -> None:
        self.folder, self.notices = folder, list[str]()
        self._parts = parts
        self._environment, self._readonly, self._in_use = environment, readonly, in_use
        self._databases: dict[str, Any] = {}
        self._changes: list[Change] = []
        self._order = 0
        # Threads that hash look up stamps while the owner writes; the map must not move under them.
        self._guard = RLock()
        self.refresh()

    # Reading

    def last(self, recipe: Digest) -> Trace | None:
        """See `Memory.last`."""
        if recipe not in self._last:
            self.prefetch((recipe,), ())
        return self._last[recipe]

    def latest(self, action: str) -> Trace | None:
        """See `Memory.latest`."""
        if action not in self._latest:
            self.prefetch((), (action,))
        return self._latest[action]

    def results(self, recipe: Digest, key: Digest | None = None) -> Sequence[Trace]:
        """See `Memory.results`."""
        found = self._of(recipe)
        return [trace for trace in reversed(found) if key is None or trace.key == key]

    def failure(self, action: str) -> Failure | None:
        """See `Memory.failure`."""
        if action not in self._failures:
            self.prefetch((), (action,))
        return self._failures[action]

    def checked(self, trace: Trace) -> float | None:
        """See `Memory.checked`."""
        place = self._place(trace)
        if place not in self._checked:

            def look(transaction: Any) -> float | None:
                return unpack_time(transaction.get(place, db=self._databases["checked"]))

            self._checked[place] = self._read(look)
        return self._checked[place]

    def revalidate(self, trace: Trace, *, at: float) -> None:
        """See `TraceStore.revalidate`."""
        place = self._place(trace)
        self._checked[place] = at
        self._changes.append(Put("checked", place, pack_time(at)))

    def prefetch(self, recipes: Iterable[Digest], actions: Iterable[str]) -> None:
        """Read what `last`, `latest` and `failure` will be asked for, in one transaction."""
        wanted = [recipe for recipe in recipes if recipe not in self._last]
        named = [action for action in actions if action not in self._latest or action not in self._failures]
        last_keys = {recipe: short(recipe) for recipe in wanted}
        action_keys = {action: short(action) for action in named}

        def look(transaction: Any) -> None:
            pointers = _get(transaction, self._databases["last"], last_keys.values())
            latest = _get(transaction, self._databases["latest"], action_keys.values())
            places = {bytes(place) for place in (*pointers.values(), *latest.values())}
            rows = _get(transaction, self._databases["results"], places)
            traces = {place: unpack_trace(row) for place, row in rows.items()}
            failed = _get(transaction, self._databases["failed"], action_keys.values())
            self._places.update((trace.order, place) for place, trace in traces.items() if trace is not None)
            for recipe, key in last_keys.items():
                trace = traces.get(bytes(pointers.get(key, b"")))
                self._last[recipe] = trace if trace is not None and trace.recipe == recipe else None
            for action, key in action_keys.items():
                trace = traces.get(bytes(latest.get(key, b"")))
                self._latest.setdefault(action, trace if trace is not None and trace.action == action else None)
                self._failures.setdefault(action, unpack_failure(failed.get(key)))

        if wanted or named:
            self._read(look)

    def everything(self) -> Sequence[Trace]:
        """All results, by order of recording, those not yet committed included."""

        def look(transaction: Any) -> list[Trace | None]:
            return [unpack_trace(row) for _, row in transaction.cursor(self._databases["results"])]

        recipes = {trace.recipe for trace in self._read(look) if trace is not None} | set(self._results)
        return sorted((trace for recipe in recipes for trace in self._of(recipe)), key=lambda trace: trace.order)

    def made_in(self, runs: Collection[str]) -> Sequence[Trace]:
        """See `Archive.made_in`."""
        named = re.compile(b"|".join(re.escape(run.encode()) for run in runs))
        return self._pass_over(named.search, lambda trace: trace.run in runs) if runs else []

    def making(self, digests: Collection[Digest]) -> Sequence[Trace]:
        """See `Archive.making`."""
        wanted = {digest.encode() for digest in digests}
        return self._pass_over(
            # One expression for all digests would try each of them at every place of a row.
            lambda row: not wanted.isdisjoint(_DIGEST.findall(row)),
            lambda trace: any(product.digest in digests for product in trace.outputs),
        )

    def filling(self, folders: Collection[str]) -> Sequence[Trace]:
        """See `Archive.filling`."""
        # A name beyond ASCII may be spelled in two ways, and is then no help in finding its row.
        plain = all(folder.isascii() for folder in folders)
        named = re.compile(b"|".join(re.escape(folder.encode()) for folder in folders) if plain else b"")
        is_one = lambda trace: any(product.path in folders for product in trace.outputs)  # noqa: E731
        return self._pass_over(named.search, is_one) if folders else []

    def _pass_over(self, may_be: Callable[[Any], object], is_one: Callable[[Trace], bool]) -> list[Trace]:
        """All results that are one, by order; only rows that may be one are unpacked."""

        def look(transaction: Any) -> list[Trace]:
            rows = transaction.cursor(self._databases["results"])
            traces = (unpack_trace(row) for _, row in rows if may_be(row))
            return [trace for trace in traces if trace is not None and is_one(trace)]

        found: list[Trace] = self._read(look)
        return sorted(found, key=lambda trace: trace.order)

    def is_recorded(self, outputs: Mapping[str, Version]) -> bool:
        """Whether there is a result with all of these outputs; reads everything."""
        return makes(self.everything(), outputs)

    def refresh(self) -> None:
        """Drop what was read, to see what other processes have written since; what is not committed stays."""
        if self._changes:
            self.commit()
        self._last: dict[Digest, Trace | None] = {}
        self._latest: dict[str, Trace | None] = {}
        self._failures: dict[str, Failure | None] = {}
        self._results: dict[Digest, list[Trace]] = {}
        self._warned: dict[str, str] = {}
        self._checked: dict[bytes, float | None] = {}
        self._places: dict[int, bytes] = {}
        self._hours: dict[bytes, int] = {}

    # Recording

    def record(self, trace: Trace) -> Trace:
        """See `TraceStore.record`."""
        found = self._of(trace.recipe)
        self._order += 1
        recorded = ordered(trace, self._order)
        found.append(recorded)
        self._last[trace.recipe] = self._latest[trace.action] = recorded
        self._failures[trace.action] = None
        place, hour = self._place(recorded), hour_of(recorded.ended)
        self._hours[place] = hour
        self._changes += (
            Hit(place, recorded, hour, recorded=True),
            Put("last", place[:16], place),
            Put("latest", short(trace.action), place),
            Put("failed", short(trace.action), None),
        )
        return recorded

    def hit(self, traces: Iterable[Trace], *, at: float, only_overdue: bool = False) -> bool:
        """See `TraceStore.hit`."""
        places = {self._place(trace): trace for trace in traces}
        unknown = [place for place in places if place not in self._hours]
        if unknown:

            def look(transaction: Any) -> None:
                rows = _get(transaction, self._databases["hits"], unknown)
                self._hours.update((place, int.from_bytes(rows.get(place, b""), "big")) for place in unknown)

            self._read(look)
        hour = hour_of(at)
        moved = [place for place in places if self._hours[place] != hour]
        overdue = any(abs(hour - self._hours[place]) >= OVERDUE for place in moved)
        if overdue or not only_overdue:
            self._changes += (Hit(place, places[place], hour) for place in moved)
            self._hours.update(dict.fromkeys(moved, hour))
        return overdue

    def choose(self, trace: Trace) -> None:
        """See `TraceStore.choose`."""
        if any(trace == other for other in self._of(trace.recipe)):
            self._stand(trace.recipe, trace)
            self._stand_latest(trace.action, trace)

    def fail(self, failure: Failure) -> None:
        """See `TraceStore.fail`."""
        self._failures[failure.action] = failure
        self._changes.append(Put("failed", short(failure.action), pack(failure)))

    def warned(self, action: str) -> str:
        """See `TraceStore.warned`."""
        if action not in self._warned:
            key = _WARNED + short(action)
            row = self._read(lambda transaction: bytes(_get(transaction, self._databases["meta"], [key]).get(key, b"")))
            self._warned[action] = row.decode("utf-8", "surrogateescape")
        return self._warned[action]

    def warn(self, action: str, text: str) -> None:
        """See `TraceStore.warn`."""
        self._warned[action] = text
        self._changes.append(Put("meta", _WARNED + short(action), text.encode("utf-8", "surrogateescape")))

    def forget_result(self, trace: Trace) -> None:
        """See `TraceStore.forget_result`; the newest of those left takes its places."""
        last, latest = self.last(trace.recipe), self.latest(trace.action)
        found = self._of(trace.recipe)
        left = [other for other in found if other.order != trace.order]
        for other in found:
            if other.order == trace.order:
                self._changes.append(Drop(self._place(other)))
        self._results[trace.recipe] = left
        if last is not None and last.order == trace.order:
            self._stand(trace.recipe, left[-1] if left else None)
        if latest is not None and latest.order == trace.order:
            mine = [other for other in left if other.action == trace.action]
            self._stand_latest(trace.action, mine[-1] if mine else None)

    def commit(self) -> None:
        """See `TraceStore.commit`. Raises StateTrouble; what was not written then can be committed again."""
        changes = self._changes
        if not changes:
            return
        self._write([*changes, Put("meta", b"order", b"%d" % self._order)])
        self._changes = []

    def stamps(self, paths: Iterable[str]) -> Mapping[str, Stamped]:
        """See `StampStore.stamps`, all in one transaction."""
        return self._found({path: path_key(path) for path in paths}, unpack_stamped)

    def put_stamps(self, stamps: Mapping[str, Stamped]) -> None:
        """See `StampStore.put_stamps`."""
        self._put_found({path_key(path): pack(stamped) for path, stamped in stamps.items()})

    def numbers(self, measure: str, paths: Iterable[str]) -> Mapping[str, Counted]:
        """See `StampStore.numbers`, all in one transaction."""
        return self._found({path: number_key(measure, path) for path in paths}, unpack_counted)

    def put_numbers(self, measure: str, counts: Mapping[str, Counted]) -> None:
        """See `StampStore.put_numbers`."""
        self._put_found({number_key(measure, path): pack(counted) for path, counted in counts.items()})

    def _found(
        self, keys: Mapping[str, bytes], unpack: Callable[[bytes | memoryview | None], _Found | None]
    ) -> dict[str, _Found]:
        found: dict[str, _Found] = {}

        def look(transaction: Any) -> None:
            rows = _get(transaction, self._databases["stamps"], keys.values())
            for path, key in keys.items():
                if (known := unpack(rows.get(key))) is not None:
                    found[path] = known

        self._read(look)
        return found

    def _put_found(self, packed: Mapping[bytes, bytes]) -> None:
        if self._readonly:
            return
        rows = [Put("stamps", key, packed[key]) for key in sorted(packed)]
        # This only spares work: where it cannot be written the file is read again.
        with suppress(StateTrouble):
            for start in range(0, len(rows), _BATCH):
                self._write(rows[start : start + _BATCH])

    def close(self) -> None:
        """Close it and note that it was left in order. What is not committed is lost."""
        if self._environment is None:
            return
        self._environment.close()
        self._environment = None
        if self._in_use is not None:
            mark_clean(self.folder)
            os.close(self._in_use)
            self._in_use = None

    # The inside

    def fill(self, traces: Iterable[Trace]) -> None:
        """Make a new state's databases, with these results in them; if another process was first, only open them."""
        changes: list[Change] = [Put("meta", b"schema", b"%d" % SCHEMA), Put("meta", _COUNTED, b"1")]
        # When they were last of use is lost: their time begins anew.
        hour = hour_of(time.time())
        for trace in renumbered(traces):
            place = place_of(trace)
            changes += (
                Hit(place, trace, hour, recorded=True),
                Put("last", place[:16], place),
                Put("latest", short(trace.action), place),
            )
            self._order = trace.order
        changes.append(Put("meta", b"order", b"%d" % self._order))
        self._write(changes, only_if_new=True)
        self.find_databases()

    def count_anew(self) -> None:
        """Make the references and hits of a state that an mlmake before them has written."""
        if self.note(_COUNTED) is not None:
            return
        hour = hour_of(time.time())

        def count(transaction: Any) -> None:
            rows = [(bytes(key), unpack_trace(row)) for key, row in transaction.cursor(self._databases["results"])]
            for place, trace in rows:
                transaction.delete(place, db=self._databases["results"])
                if trace is not None:
                    hit = Hit(place, trace, hour, recorded=True)
                    apply(transaction, self._databases, [hit], parts=self._parts)
            transaction.put(_COUNTED, b"1", db=self._databases["meta"])

        self._change(count)

    # What of it is of use

    def oldest(self, *, after: bytes = b"", most: int) -> Sequence[Remembered]:
        """See `CollectedState.oldest`."""
        found: Sequence[Remembered] = self._read(lambda t: oldest(t, self._databases, after=after, most=most))
        return found

    def standing(self, entries: Sequence[Remembered], known: Known) -> frozenset[bytes]:
        """See `CollectedState.standing`."""

        def look(transaction: Any) -> frozenset[bytes]:
            return frozenset(e.place for e in entries if stands(transaction, self._databases, e.place, e.trace, known))

        found: frozenset[bytes] = self._read(look)
        return found

    def collect(self, entries: Sequence[Remembered], known: Known) -> Sequence[Remembered]:
        """See `CollectedState.collect`."""

        def change(transaction: Any) -> list[Remembered]:
            gone = []
            for entry in entries:
                hour = transaction.get(entry.place, db=self._databases["hits"])
                if hour != entry.hour.to_bytes(4, "big"):
                    continue
                if not stands(transaction, self._databases, entry.place, entry.trace, known):
                    remove(transaction, self._databases, entry.place, entry.trace)
                    gone.append(entry)
            return gone

        found: list[Remembered] = self._change(change)
        return found

    def touch(self, places: Iterable[bytes], *, at: float) -> None:
        """See `CollectedState.touch`."""

        def change(transaction: Any) -> None:
            for place in places:
                if transaction.get(place, db=self._databases["results"]) is not None:
                    touch(transaction, self._databases, place, hour_of(at))

        self._change(change)

    def referenced(self, names: Iterable[ObjectName]) -> frozenset[ObjectName]:
        """See `CollectedState.referenced`."""
        return frozenset(self.counts(names))

    def counts(self, names: Iterable[ObjectName]) -> Mapping[ObjectName, int]:
        """See `CollectedState.counts`."""
        keys = {name: object_key(name) for name in names}

        def look(transaction: Any) -> dict[ObjectName, int]:
            rows = _get(transaction, self._databases["refs"], keys.values())
            return {name: int.from_bytes(rows[key], "big") for name, key in keys.items() if key in rows}

        found: dict[ObjectName, int] = self._read(look)
        return found

    def ages(self) -> Mapping[int, int]:
        """See `CollectedState.ages`."""

        def look(transaction: Any) -> dict[int, int]:
            found: dict[int, int] = {}
            for key in transaction.cursor(self._databases["lru"]).iternext(values=False):
                hour = int.from_bytes(key[:4], "big")
                found[hour] = found.get(hour, 0) + 1
            return found

        found: dict[int, int] = self._read(look)
        return found

    def note(self, key: bytes) -> bytes | None:
        """See `CollectedState.note`."""

        def look(transaction: Any) -> bytes | None:
            value = transaction.get(key, db=self._databases["meta"])
            return None if value is None else bytes(value)

        found: bytes | None = self._read(look)
        return found

    def put_note(self, key: bytes, value: bytes | None) -> None:
        """See `CollectedState.put_note`."""
        self._write([Put("meta", key, value)])

    def used_bytes(self) -> int:
        """The bytes of its file that are in use."""
        info = self._environment.info()
        return int((info["last_pgno"] + 1) * self._environment.stat()["psize"])

    def find_databases(self) -> bool:
        """Open the databases; False if they were never made. Raises StateTrouble if a newer mlmake made them."""
        try:
            found = {name: self._environment.open_db(name.encode(), create=False) for name in NAMES}
        except (lmdb.NotFoundError, lmdb.ReadonlyError):
            return False
        with self._guard, self._environment.begin() as transaction:
            schema = bytes(transaction.get(b"schema", default=b"", db=found["meta"]))
            order = bytes(transaction.get(b"order", default=b"", db=found["meta"]))
        if not schema.isdigit():
            return False
        if int(schema) > SCHEMA:
            raise newer(self.folder, f"schema {int(schema)}")
        self._databases, self._order = found, int(order) if order.isdigit() else 0
        return True

    def _of(self, recipe: Digest) -> list[Trace]:
        """All results of a recipe, by order of recording."""
        if recipe not in self._results and recipe in self._last and self._last[recipe] is None:
            # A recipe has a last result as soon as it has any.
            self._results[recipe] = []
        if recipe not in self._results:
            prefix = short(recipe)

            def look(transaction: Any) -> list[Trace | None]:
                rows = []
                cursor = transaction.cursor(self._databases["results"])
                more = cursor.set_range(prefix)
                while more and cursor.key()[:16] == prefix:
                    rows.append(unpack_trace(cursor.value()))
                    more = cursor.next()
                return rows

            found = [trace for trace in self._read(look) if trace is not None and trace.recipe == recipe]
            self._results[recipe] = sorted(found, key=lambda trace: trace.order)
        return self._results[recipe]

    def _stand(self, recipe: Digest, trace: Trace | None) -> None:
        self._last[recipe] = trace
        self._changes.append(Put("last", short(recipe), None if trace is None else self._place(trace)))

    def _stand_latest(self, action: str, trace: Trace | None) -> None:
        self._latest[action] = trace
        self._changes.append(Put("latest", short(action), None if trace is None else self._place(trace)))

    def _read(self, look: Callable[[Any], Any]) -> Any:
        """Look in one short transaction; the values are only good inside it."""
        with self._guard, _uncollected():
            while True:
                try:
                    with self._environment.begin(buffers=True) as transaction:
                        return look(transaction)
                except lmdb.MapResizedError:
                    self._environment.set_mapsize(0)
                except lmdb.Error as error:
                    raise self._trouble("read", error) from error

    def _place(self, trace: Trace) -> bytes:
        place = self._places.get(trace.order)
        if place is None:
            place = self._places[trace.order] = place_of(trace)
        return place

    def _write(self, changes: Sequence[Change], *, only_if_new: bool = False) -> None:
        """Write all of this or nothing."""

        def change(transaction: Any) -> None:
            if not (only_if_new and transaction.get(b"schema", db=self._databases["meta"]) is not None):
                apply(transaction, self._databases, changes, parts=self._parts)

        self._change(change)

    def _change(self, change: Callable[[Any], Any]) -> Any:
        """Change it in one transaction, whole or not at all, growing the map where it is full."""
        if self._readonly:
            raise StateTrouble(f"the state in {self.folder} was opened to read only: nothing can be recorded")
        with self._guard:
            while True:
                before = self._databases
                try:
                    with self._environment.begin(write=True) as transaction:
                        if not before:
                            self._databases = {
                                name: self._environment.open_db(name.encode(), txn=transaction) for name in NAMES
                            }
                        return change(transaction)
                except lmdb.MapFullError:
                    self._databases = before
                    self._environment.set_mapsize(2 * self._environment.info()["map_size"])
                except lmdb.MapResizedError:
                    self._databases = before
                    self._environment.set_mapsize(0)
                except lmdb.Error as error:
                    self._databases = before
                    raise self._trouble("write", error) from error

    def _trouble(self, verb: str, error: Exception) -> StateTrouble:
        if isinstance(error, _BROKEN):
            # Without this the next start would trust it again.
            with suppress(OSError):
                os.unlink(clean_path(self.folder))
            return StateTrouble(f"the state in {self.folder} is damaged ({error}): run again, it will be rebuilt")
        mend = "make room on its disk or move it with MLMAKE_STATE_DIR" if verb == "write" else "see its disk"
        return StateTrouble(f"cannot {verb} the state in {self.folder}: {cause_of(error)}: {mend}")


_BROKEN = (lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.PanicError, lmdb.InvalidError)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for cycles meanwhile: decoding thousands of values makes none, and the search would double its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _get(transaction: Any, database: Any, keys: Iterable[bytes]) -> dict[bytes, memoryview]:
    wanted = sorted(set(keys))
    return {bytes(key): value for key, value in transaction.cursor(database).getmulti(wanted)} if wanted else {}
