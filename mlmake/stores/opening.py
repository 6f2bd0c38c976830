"""Opens a state, whatever it finds there: sound, damaged, of a newer mlmake, or nothing; it knows no row."""

import fcntl
import os
from collections.abc import Callable, Iterable
from typing import Any, Literal, overload

import lmdb

from mlmake.model.trace import Trace
from mlmake.ports import StateTrouble
from mlmake.stores.header import Health
from mlmake.stores.lmdb import LmdbState
from mlmake.stores.memory import MemoryState, renumbered
from mlmake.stores.rows import NAMES, Parts
from mlmake.stores.statefile import cause_of, examine, newer, set_aside

_LOCK_SIZE = 8192
"""Bytes of the library's lock file with the usual 126 readers."""


@overload
def open_state(
    folder: str,
    *,
    readonly: Literal[False] = False,
    map_size: int = ...,
    rebuild: Callable[[], Iterable[Trace]] = ...,
    parts: Parts = ...,
) -> LmdbState: ...
@overload
def open_state(
    folder: str,
    *,
    readonly: bool = ...,
    repair: bool = ...,
    map_size: int = ...,
    rebuild: Callable[[], Iterable[Trace]] = ...,
    parts: Parts = ...,
) -> LmdbState | MemoryState: ...
def open_state(
    folder: str,
    *,
    readonly: bool = False,
    repair: bool = True,
    map_size: int = 1 << 30,
    rebuild: Callable[[], Iterable[Trace]] = tuple,
    parts: Parts = lambda name: (),
) -> LmdbState | MemoryState:
    """Open the state in this folder, made anew from `rebuild` where there is none or a damaged one.

    To read only, what cannot be opened is held in memory and nothing is touched. The same holds of a damaged one
    without `repair`: only the holder of the build lock may set a file aside. Raises StateTrouble if it is of a newer
    mlmake, or cannot be written. `parts` gives the objects of the files in a kept folder.
    """
    try:
        health = examine(folder)
        if health is Health.NEWER:
            raise newer(folder, "another format of its file")
        if readonly or (health is Health.DAMAGED and not repair):
            if health is Health.SOUND and (state := _open_to_read(folder, map_size, parts)) is not None:
                return state
            notices = ["state is damaged, the next build rebuilds it"] if health is Health.DAMAGED else []
            return MemoryState(renumbered(rebuild()), notices=notices, parts=parts)
        os.makedirs(folder, exist_ok=True)
        notices = [set_aside(folder)] if health is Health.DAMAGED else []
        state = _open_to_write(folder, map_size, rebuild, parts)
    except OSError as error:
        raise _cannot_open(folder, error.strerror or str(error)) from error
    state.notices += notices
    return state


def _open_to_write(folder: str, map_size: int, rebuild: Callable[[], Iterable[Trace]], parts: Parts) -> LmdbState:
    in_use = os.open(os.path.join(folder, "in-use"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(in_use, fcntl.LOCK_SH)
        environment = _environment(folder, map_size, readonly=False, lock=True)
        state = LmdbState(environment, folder, readonly=False, in_use=in_use, parts=parts)
        try:
            environment.reader_check()
            if not state.find_databases():
                state.fill(rebuild())
            state.count_anew()
        except BaseException:
            environment.close()
            raise
    except lmdb.Error as error:
        os.close(in_use)
        raise _cannot_open(folder, cause_of(error)) from error
    except BaseException:
        os.close(in_use)
        raise
    return state


def _open_to_read(folder: str, map_size: int, parts: Parts) -> LmdbState | None:
    for lock in (True, False):
        try:
            environment = _environment(folder, map_size, readonly=True, lock=lock)
        except (lmdb.Error, OSError):
            # No lock file can be made in a folder that cannot be written.
            continue
        state = LmdbState(environment, folder, readonly=True, in_use=None, parts=parts)
        if state.find_databases():
            return state
        environment.close()
        return None
    return None


def _environment(folder: str, map_size: int, *, readonly: bool, lock: bool) -> Any:
    if lock:
        _reserve_lock(folder)
    return lmdb.open(
        folder,
        map_size=map_size,
        max_dbs=len(NAMES),
        mode=0o644,
        readonly=readonly,
        lock=lock,
        create=not readonly,
        lib_version=0,
    )


def _reserve_lock(folder: str) -> None:
    """Give the lock file its blocks: it is written through a map, which on a full disk kills. Raises OSError."""
    descriptor = os.open(os.path.join(folder, "lock.mdb"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if os.fstat(descriptor).st_blocks * 512 < _LOCK_SIZE and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, _LOCK_SIZE)
    finally:
        os.close(descriptor)


def _cannot_open(folder: str, cause: str) -> StateTrouble:
    mend = "make room or make it writable, or move it with MLMAKE_STATE_DIR"
    return StateTrouble(f"cannot open the state in {folder}: {cause}: {mend}")
