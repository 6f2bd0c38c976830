"""Hashes a whole store again and mends what can be mended; it does not know what its results mean to a build."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from blake3 import blake3

from mlmake.model.digest import ObjectName
from mlmake.model.trace import Product, Trace
from mlmake.ports import StoreTrouble
from mlmake.stores.collecting import CollectedState
from mlmake.stores.content import FOLDER, FolderStore
from mlmake.stores.copying import named, reading
from mlmake.stores.lmdb import LmdbState
from mlmake.stores.memory import MemoryState
from mlmake.stores.rows import Known, lru_key, objects_of


@dataclass(slots=True)
class Lost:
    """An object whose bytes are nowhere any more, and the results of this project that name it: action and run."""

    object: ObjectName
    results: list[tuple[str, str]]


@dataclass(slots=True)
class Verified:
    """What came out. `mended` objects were damaged or gone and are whole again, `dropped` damaged ones nobody needs.

    `forgotten` results could not be put back any more and stood nowhere; `records` plain records were missing.
    """

    objects: int = 0
    bytes: int = 0
    mended: list[ObjectName] = field(default_factory=list)
    dropped: list[ObjectName] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    forgotten: int = 0
    records: int = 0


def verify(
    state: LmdbState | MemoryState, store: FolderStore, *, root: str, known: Known, others: Sequence[CollectedState]
) -> Verified:
    """Hash every object; a damaged one is dropped, and taken again from an output under `root` that still equals it.

    `others` are states of further projects that use the store. Raises StateTrouble, StoreTrouble, OSError.
    """
    found = Verified()
    for path in _objects(store.folder):
        name = ObjectName(os.path.basename(path).removesuffix(FOLDER))
        try:
            sound, size = _is_sound(path, name)
        except FileNotFoundError:
            continue
        except OSError as error:
            found.unreadable.append(f"{path}: {error.strerror}")
            continue
        found.objects, found.bytes = found.objects + 1, found.bytes + size
        if not sound:
            store.drop(name)
            found.dropped.append(name)
    traces = list(state.everything())
    missing: dict[ObjectName, list[Trace]] = {}
    for trace in traces:
        for name, _ in objects_of(trace):
            if name in missing or not store.has(name):
                missing.setdefault(name, []).append(trace)
    for name, results in missing.items():
        if _taken_again(name, results, store, root):
            found.mended.append(name)
        else:
            found.lost.append(Lost(name, [(trace.action, trace.run) for trace in results]))
    needed = {lost.object for lost in found.lost}
    damaged = set(found.dropped)
    found.lost += [Lost(name, []) for name in sorted(damaged - needed) if any(o.referenced([name]) for o in others)]
    for name in list(found.dropped):
        if store.has(name):
            found.dropped.remove(name)
            if name not in found.mended:
                found.mended.append(name)
    _forget(state, store, needed, known, found)
    _write_records(state, store, found)
    return found


def _taken_again(name: ObjectName, results: Sequence[Trace], store: FolderStore, root: str) -> bool:
    """Whether an output that lies in the project still has these bytes, and the store has them again."""
    for product in _products(name, results):
        path = os.path.join(root, product.path)
        with suppress(OSError):
            if os.path.lexists(path.rstrip("/")) and store.keep(path).object == name:
                store.sync()
                return store.has(name)
    return False


def _products(name: ObjectName, results: Sequence[Trace]) -> list[Product]:
    """The outputs that name an object, each place once, the newest first."""
    found = {p.path: p for trace in reversed(results) for p in trace.outputs if p.object == name}
    return list(found.values())


def _forget(
    state: LmdbState | MemoryState, store: FolderStore, lost: set[ObjectName], known: Known, found: Verified
) -> None:
    """Results that cannot be put back go, unless a workspace has them."""
    after = b""
    while lost and (batch := state.oldest(after=after, most=1_000)):
        after = lru_key(batch[-1])
        names = [(entry, {name for name, _ in objects_of(entry.trace)}) for entry in batch if entry.trace is not None]
        doomed = [entry for entry, objects in names if not objects.isdisjoint(lost)]
        if doomed:
            gone = state.collect(doomed, known)
            store.records.drop(entry.trace for entry in gone if entry.trace is not None)
            found.forgotten += len(gone)
    state.refresh()


def _write_records(state: LmdbState | MemoryState, store: FolderStore, found: Verified) -> None:
    """A result without a plain record gets one; a plain record without a result of this project goes."""
    present = {(trace.action, trace.run, trace.ended): trace for trace in state.everything()}
    written = {(t.action, t.run, t.ended): t for t in store.records.of(store.records.owner) if t is not None}
    for key, trace in present.items():
        if key not in written:
            store.remember(trace)
            found.records += 1
    store.records.drop(trace for key, trace in written.items() if key not in present)
    with suppress(StoreTrouble):
        store.sync()


def _objects(folder: str) -> list[str]:
    found = [os.path.join(here, name) for here, _, names in os.walk(f"{folder}/objects") for name in names]
    return sorted(path for path in found if len(os.path.basename(path).removesuffix(FOLDER)) == 64)


def _is_sound(path: str, name: ObjectName) -> tuple[bool, int]:
    """Whether the bytes are those of the name, and how many there are. Raises OSError."""
    if path.endswith(FOLDER):
        with open(path, "rb") as file:
            data = file.read()
        return blake3(data).hexdigest() == name, len(data)
    source = reading(path)
    try:
        names = named(source)
        return names.object == name, names.size
    finally:
        os.close(source)
