"""Results as rows, with what they refer to and when each was last of use; it does not know what may be removed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from xxhash import xxh3_128_digest

from mlmake.model.digest import ObjectName
from mlmake.model.trace import Trace
from mlmake.stores.codec import pack, unpack_trace

NAMES = ("results", "last", "latest", "failed", "checked", "stamps", "meta", "refs", "parts", "hits", "lru")

# results: recipe, key of the inputs and order (16 + 16 + 8 bytes) → trace. last: recipe → key in results.
# latest: action → key in results. failed: action → failure. checked: key in results → when it was revalidated.
# stamps: path → stamped, measure and path → counted. meta: schema, order, by action what the user was warned of, and
# the collector's notes.
# refs: object → how many results and folders name it. parts: folder → the objects of its files.
# hits: key in results → hour. lru: hour and key in results → nothing, so that what was used longest ago comes first.

HOUR = 3600
"""Seconds of a bucket of last hits."""

Tables: TypeAlias = dict[str, Any]
Parts: TypeAlias = Callable[[ObjectName], Sequence[ObjectName]]
"""Gives the objects of the files in a kept folder."""


@dataclass(frozen=True, slots=True)
class Put:
    """A plain row to write; to delete if there is no value."""

    table: str
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A result is of use now. It is written whole where it is not there any more; `recorded`: it is new."""

    place: bytes
    trace: Trace
    hour: int
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """A result goes, with all that was noted of it but the pointers to it."""

    place: bytes


Change: TypeAlias = Put | Hit | Drop


@dataclass(frozen=True, slots=True)
class Known:
    """What stands in a workspace: the keys of its actions and of their present recipes, 16 bytes each.

    `every_action`: those that are known to the state, whatever graph they are of.
    """

    actions: frozenset[bytes] = frozenset()
    recipes: frozenset[bytes] = frozenset()
    every_action: bool = False


@dataclass(frozen=True, slots=True)
class Remembered:
    """A result by its place, with the hour of its last hit; no trace if its row cannot be read."""

    place: bytes
    hour: int
    trace: Trace | None


def hour_of(at: float) -> int:
    """The bucket of a time."""
    return min(max(0, int(at // HOUR)), 2**32 - 1)


def object_key(name: ObjectName) -> bytes:
    """The key of an object among the references."""
    return bytes.fromhex(name[-32:])


def apply(transaction: Any, tables: Tables, changes: Iterable[Change], *, parts: Parts) -> None:
    """Carry changes out in order."""
    results, checked = tables["results"], tables["checked"]
    for change in changes:
        match change:
            case Put(name, key, None):
                transaction.delete(key, db=tables[name])
            case Put("checked", key, value):
                # Another process may have removed the result meanwhile.
                if transaction.get(key, db=results) is not None:
                    transaction.put(key, value, db=checked)
            case Put(name, key, value):
                transaction.put(key, value, db=tables[name])
            case Hit(place, trace, hour, recorded):
                if transaction.get(place, db=results) is None:
                    _bring(transaction, tables, place, trace, parts=parts, recorded=recorded)
                touch(transaction, tables, place, hour)
            case Drop(place):
                drop(transaction, tables, place)


def touch(transaction: Any, tables: Tables, place: bytes, hour: int) -> None:
    """A result was of use in this hour."""
    now = hour.to_bytes(4, "big")
    before = transaction.get(place, db=tables["hits"])
    if before == now:
        return
    if before is not None:
        transaction.delete(bytes(before) + place, db=tables["lru"])
    transaction.put(place, now, db=tables["hits"])
    transaction.put(now + place, b"", db=tables["lru"])


def drop(transaction: Any, tables: Tables, place: bytes) -> None:
    """Delete a result, if it is there, and what was noted of it."""
    row = transaction.pop(place, db=tables["results"])
    transaction.delete(place, db=tables["checked"])
    hour = transaction.pop(place, db=tables["hits"])
    if hour is not None:
        transaction.delete(bytes(hour) + place, db=tables["lru"])
    if row is not None and (trace := unpack_trace(row)) is not None:
        for name, is_folder in objects_of(trace):
            _release(transaction, tables, object_key(name), is_folder=is_folder)


def remove(transaction: Any, tables: Tables, place: bytes, trace: Trace | None) -> None:
    """Delete a result as `drop` does; the newest of those left takes its places."""
    drop(transaction, tables, place)
    stood = transaction.get(place[:16], db=tables["last"]) == place
    action = None if trace is None else short(trace.action)
    stood_latest = action is not None and transaction.get(action, db=tables["latest"]) == place
    if not (stood or stood_latest):
        return
    left = _newest_first(transaction, tables, place[:16])
    if stood:
        _point(transaction, tables["last"], place[:16], left[0][0] if left else None)
    if stood_latest and trace is not None and action is not None:
        mine = next((other for other, found in left if found.action == trace.action), None)
        _point(transaction, tables["latest"], action, mine)


def stands(transaction: Any, tables: Tables, place: bytes, trace: Trace | None, known: Known) -> bool:
    """Whether a workspace refers to a result: as the last of a present recipe, or the latest of an action."""
    if place[:16] in known.recipes and transaction.get(place[:16], db=tables["last"]) == place:
        return True
    if trace is None:
        return False
    action = short(trace.action)
    known_action = known.every_action or action in known.actions
    return bool(known_action and transaction.get(action, db=tables["latest"]) == place)


def oldest(transaction: Any, tables: Tables, *, after: bytes, most: int) -> list[Remembered]:
    """Results by their last hits, those first that were used longest ago; `after` is where the last look ended."""
    found: list[Remembered] = []
    cursor = transaction.cursor(tables["lru"])
    more = cursor.set_range(after) if after else cursor.first()
    while more and len(found) < most:
        key = bytes(cursor.key())
        if key != after:
            place = key[4:]
            row = transaction.get(place, db=tables["results"])
            found.append(Remembered(place, int.from_bytes(key[:4], "big"), unpack_trace(row)))
        more = cursor.next()
    return found


def lru_key(entry: Remembered) -> bytes:
    """Where a result stands in the order of last hits."""
    return entry.hour.to_bytes(4, "big") + entry.place


def objects_of(trace: Trace) -> list[tuple[ObjectName, bool]]:
    """The objects that a result names, and whether each is a folder."""
    return [(p.object, p.path.endswith("/")) for p in trace.outputs if p.object is not None]


def place_of(trace: Trace) -> bytes:
    """The key of a result."""
    return short(trace.recipe) + short(trace.key) + trace.order.to_bytes(8, "big")


def short(name: str) -> bytes:
    """16 bytes for a digest or any other name: keys are limited to 511."""
    if len(name) == 32:
        try:
            return bytes.fromhex(name)
        except ValueError:
            pass  # a name that only has the length of a digest
    return path_key(name)


def path_key(path: str) -> bytes:
    """The key of a path among the stamps."""
    return xxh3_128_digest(path.encode("utf-8", "surrogateescape"))


def number_key(measure: str, path: str) -> bytes:
    """The key of a number counted in a path, among the stamps; no path has a NUL."""
    return path_key(f"{measure}\0{path}")


def _bring(transaction: Any, tables: Tables, place: bytes, trace: Trace, *, parts: Parts, recorded: bool) -> None:
    transaction.put(place, pack(trace), db=tables["results"])
    for name, is_folder in objects_of(trace):
        _refer(transaction, tables, name, is_folder=is_folder, parts=parts)
    if not recorded:
        # It was collected while a build had it in mind: pointers went on to others, or went.
        transaction.put(place[:16], place, db=tables["last"], overwrite=False)
        transaction.put(short(trace.action), place, db=tables["latest"], overwrite=False)


def _refer(transaction: Any, tables: Tables, name: ObjectName, *, is_folder: bool, parts: Parts) -> None:
    key = object_key(name)
    if not _count(transaction, tables["refs"], key, 1) and is_folder:
        inside = [object_key(part) for part in parts(name)]
        transaction.put(key, b"".join(inside), db=tables["parts"])
        for part in inside:
            _count(transaction, tables["refs"], part, 1)


def _release(transaction: Any, tables: Tables, key: bytes, *, is_folder: bool) -> None:
    if _count(transaction, tables["refs"], key, -1) == 1 and is_folder:
        inside = bytes(transaction.pop(key, db=tables["parts"]) or b"")
        for start in range(0, len(inside), 16):
            _count(transaction, tables["refs"], inside[start : start + 16], -1)


def _count(transaction: Any, refs: Any, key: bytes, step: int) -> int:
    """Count one more or less; gives how many there were."""
    before = int.from_bytes(transaction.get(key, default=b"", db=refs), "big")
    if before + step > 0:
        transaction.put(key, (before + step).to_bytes(4, "big"), db=refs)
    else:
        transaction.delete(key, db=refs)
    return before


def _newest_first(transaction: Any, tables: Tables, recipe: bytes) -> list[tuple[bytes, Trace]]:
    found = []
    cursor = transaction.cursor(tables["results"])
    more = cursor.set_range(recipe)
    while more and cursor.key()[:16] == recipe:
        if (trace := unpack_trace(cursor.value())) is not None:
            found.append((bytes(cursor.key()), trace))
        more = cursor.next()
    return sorted(found, key=lambda pair: pair[1].order, reverse=True)


def _point(transaction: Any, table: Any, key: bytes, place: bytes | None) -> None:
    if place is None:
        transaction.delete(key, db=table)
    else:
        transaction.put(key, place, db=table)
