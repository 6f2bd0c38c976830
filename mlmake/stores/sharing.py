"""Who uses a content store: projects that keep results in it, builds that run; it does not know what they keep."""

import errno
import fcntl
import itertools
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from xxhash import xxh3_64_hexdigest

from mlmake.model.digest import ObjectName

HOME = "home"
"""The name of the project whose folder of records and state the store lies in."""

NEVER = 2.0**40
"""The beginning (seconds since the epoch) of a pin that holds named objects only."""

_DAY = 86_400.0
"""Seconds."""

_numbers = itertools.count()

# projects/OWNER.json    where a project that keeps results here has its root and its state
# projects/OWNER.gone    since when it was seen to be gone
# pins/HOST-PID-N        a build that runs: since when; locked as long as it lives


class _Entry(msgspec.Struct):
    host: str
    root: str
    state: str


@dataclass(frozen=True, slots=True)
class Sharer:
    """A project that keeps results here. `gone_since` and `trouble` say why its state cannot be asked.

    `gone_since` is seconds since the epoch. `state` is the absolute path of its folder.
    """

    owner: str
    root: str
    state: str
    gone_since: float | None = None
    trouble: str | None = None


def owner_name(store: str, state_dir: str) -> str:
    """The name of a project among those that share a store; empty for the one whose folder the store lies in."""
    home = os.path.realpath(state_dir)
    if os.path.realpath(store).startswith(home + os.sep):
        return ""
    return xxh3_64_hexdigest(os.fsencode(f"{os.uname().nodename} {home}"))


@dataclass(frozen=True, slots=True)
class Held:
    """What a process that runs holds: all it was seen to touch since it began (seconds since the epoch), and `objects`.

    `owner` is its project, None if that is not known.
    """

    began: float
    owner: str | None
    objects: frozenset[ObjectName]


class Sharers:
    """The projects and builds that use a store, as seen by one of them."""

    def __init__(self, store: str, *, owner: str, root: str, state_dir: str) -> None:
        self.store, self.owner = store, owner
        self._root, self._state_dir = root, os.path.abspath(state_dir)

    def register(self) -> bool:
        """Make this project known here; whether it was not. What cannot be written is not said: others are careful."""
        # Relative where the store moves with the project.
        state = self._state_dir if self.owner else os.path.relpath(os.path.realpath(self._state_dir), self._real)
        root = self._root if self.owner else os.path.relpath(os.path.realpath(self._root), self._real)
        data = msgspec.json.encode(_Entry(os.uname().nodename, os.fsdecode(root), os.fsdecode(state)))
        path = self._entry(self.owner or HOME)
        try:
            with open(path, "rb") as file:
                known = file.read() == data
                if known and time.time() - os.fstat(file.fileno()).st_mtime < _DAY:
                    return False
        except OSError:
            known = False
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            fresh = f"{path}.{os.getpid()}"
            with open(fresh, "wb") as file:
                file.write(data)
            os.replace(fresh, path)
        except OSError:
            return False
        return not known

    def others(self, *, now: float) -> list[Sharer]:
        """The other projects; those that are gone are noted to be."""
        return [self._look(name, now) for name in self._names() if name != (self.owner or HOME)]

    def forget(self, sharer: Sharer) -> None:
        """A project is gone for good. Raises OSError."""
        for end in (".json", ".gone"):
            with suppress(FileNotFoundError):
                os.unlink(self._entry(sharer.owner or HOME).removesuffix(".json") + end)

    def in_use(self) -> list[Held]:
        """What builds and servers that run hold; the pins of dead ones are removed."""
        found = []
        for path in self._pins():
            if (held := _held(path)) is not None:
                found.append(held)
            else:
                with suppress(OSError):
                    os.unlink(path)
        return found

    @property
    def _real(self) -> str:
        return os.path.realpath(self.store)

    def _entry(self, name: str) -> str:
        return f"{self.store}/projects/{name}.json"

    def _names(self) -> Iterator[str]:
        with suppress(FileNotFoundError, NotADirectoryError):
            for name in sorted(os.listdir(f"{self.store}/projects")):
                if name.endswith(".json"):
                    yield name.removesuffix(".json")

    def _pins(self) -> list[str]:
        with suppress(FileNotFoundError, NotADirectoryError):
            return [f"{self.store}/pins/{name}" for name in os.listdir(f"{self.store}/pins")]
        return []

    def _look(self, name: str, now: float) -> Sharer:
        owner = "" if name == HOME else name
        try:
            with open(self._entry(name), "rb") as file:
                entry = msgspec.json.decode(file.read(), type=_Entry)
                seen = os.fstat(file.fileno()).st_mtime
        except (OSError, msgspec.DecodeError) as error:
            return Sharer(owner, "?", "?", trouble=f"its entry cannot be read: {error}")
        root = os.path.normpath(os.path.join(self._real, entry.root))
        state = os.path.normpath(os.path.join(self._real, entry.state))
        if entry.host != os.uname().nodename:
            gone = seen if now - seen > _DAY else None
            return Sharer(owner, root, state, gone_since=gone, trouble=None if gone else f"it is on {entry.host}")
        mark = self._entry(name).removesuffix(".json") + ".gone"
        try:
            os.listdir(os.path.join(state, "state"))
        except FileNotFoundError:
            return Sharer(owner, root, state, gone_since=_since(mark, now))
        except OSError as error:
            return Sharer(owner, root, state, trouble=os.strerror(error.errno or errno.EIO))
        with suppress(OSError):
            os.unlink(mark)
        return Sharer(owner, root, state)


class Pin:
    """As long as it lives, what its process finds in the store or puts there is not taken away under it."""

    def __init__(self, store: str, *, owner: str, now: float) -> None:
        self._descriptor: int | None = None
        folder = f"{store}/pins"
        self._path = f"{folder}/{os.uname().nodename}-{os.getpid()}-{next(_numbers)}"
        self._head = b"%r %d %s\n" % (now, os.getpid(), (owner or HOME).encode())
        # Where nothing can be written nothing is collected either.
        with suppress(OSError):
            os.makedirs(folder, exist_ok=True)
            while not self._take():
                pass
            os.write(self._descriptor or 0, self._head)

    def hold(self, objects: Iterable[ObjectName]) -> None:
        """From now on these are referred to as well, and nothing that was held before."""
        if self._descriptor is not None:
            with suppress(OSError):
                data = self._head + b"".join(name.encode() + b"\n" for name in objects)
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, data, 0)

    def close(self) -> None:
        """Its process goes on without what it held."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.unlink(self._path)
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self) -> bool:
        """Whether the pin is there and held: a collector may have found it before it was locked, and removed it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            there = os.stat(self._path).st_ino == os.fstat(descriptor).st_ino
        except FileNotFoundError:
            there = False
        except BaseException:
            os.close(descriptor)
            raise
        if there:
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return there


def _held(path: str) -> Held | None:
    """What a pin holds; None if whoever held it is dead."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        with open(descriptor, "rb", closefd=False) as file:
            head, *names = file.read().decode("ascii", "replace").splitlines() or [""]
        told = head.split()
        if len(told) < 3:
            # A full disk has refused its text.
            return Held(os.fstat(descriptor).st_mtime, None, frozenset())
        return Held(float(told[0]), "" if told[2] == HOME else told[2], frozenset(map(ObjectName, names)))
    finally:
        os.close(descriptor)
    return None


def _since(mark: str, now: float) -> float:
    """Since when a project is known to be gone: from now on, if it was not before."""
    try:
        return min(now, os.stat(mark).st_mtime)
    except FileNotFoundError:
        with suppress(OSError), open(mark, "wb"):
            pass
        return now
