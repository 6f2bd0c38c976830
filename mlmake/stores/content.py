"""Bytes kept by their digest in a folder, and plain records beside them; it does not know what they mean to a build."""

import errno
import itertools
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from threading import Lock

from blake3 import blake3
from xxhash import xxh3_64_hexdigest, xxh3_128_hexdigest

from mlmake.model.digest import Digest, ObjectName
from mlmake.model.trace import Trace
from mlmake.model.tree import Entry, entries, folder_digest
from mlmake.ports import DamagedObject, Kept, StoreTrouble
from mlmake.stores.copying import BLOCK, Copier, Names, named, reading, write_all
from mlmake.stores.eyes import DISK
from mlmake.stores.flushing import flush_all
from mlmake.stores.manifest import BadManifest, Row, read_manifest, sorted_files, write_manifest
from mlmake.stores.records import BLOCK as BLOCK_OF_DISK
from mlmake.stores.records import Records
from mlmake.stores.swapping import beside, remove_tree, swap

FOLDER = ".folder"
"""What follows the name of an object that is a folder's manifest."""

_DAY = 86_400.0
"""Seconds."""

_numbers = itertools.count()
"""For temporary names: one process may have a folder open twice."""

# objects/ab/ab12…          the bytes of a file, 0444 (0555 if it was executable)
# objects/ab/ab12….folder   the manifest of a folder
# records/RUN.jsonl         what a run made, for people and for rebuilding the state
# tmp/                      what is not whole or not yet on the disk


class FolderStore:
    """A content store in one folder. Any thread may keep, place and sync.

    `link` are the ways of putting bytes in place, in order of preference: "reflink", "hardlink", "copy". A hard link
    is the object itself: who writes through it spoils the object, which is then seen when it is next put in place.
    """

    def __init__(self, folder: str, *, link: Sequence[str] = ("reflink", "copy"), owner: str = "") -> None:
        """`owner` names the project among others that share the folder; empty for the one it lies in."""
        self.folder = folder.rstrip("/")
        self._copier = Copier(reflink="reflink" in link)
        self._hardlink = "hardlink" in link and "reflink" not in link[: list(link).index("hardlink")]
        self.records = Records(f"{self.folder}/records", owner=owner)
        self._guard = Lock()
        self._pending: dict[str, str] = {}
        self._made: set[str] = set()
        # After the first damaged object no other is trusted to be whole because it is there.
        self._trusting = True

    def keep(self, path: str) -> Kept:
        """See `ContentStore.keep`."""
        if path.endswith("/"):
            return self._keep_folder(path.rstrip("/"))
        names, _ = self._keep_file(path)
        return Kept(names.digest, names.object, names.size)

    def sync(self) -> None:
        """See `ContentStore.sync`. What cannot be made durable is given up."""
        with self._guard:
            pending, self._pending = self._pending, {}
        left = dict(pending)
        folders = set()
        try:
            with self._trouble():
                flush_all(list(pending.values()))
                for final, fresh in pending.items():
                    self._make(os.path.dirname(final))
                    os.replace(fresh, final)
                    del left[final]
                    folders.add(os.path.dirname(final))
                flush_all(list(folders))
                self.records.write()
        finally:
            for fresh in left.values():
                _remove(fresh)

    def has(self, name: ObjectName) -> bool:
        """See `ContentStore.has`; for a folder, all of its files."""
        path = self._path(name)
        if self._find(path) is not None:
            return True
        if (manifest := self._find(path + FOLDER)) is None:
            return False
        try:
            with open(manifest, "rb") as file:
                rows = read_manifest(file.read())
        except (OSError, BadManifest):
            self._trusting = False
            return False
        whole = all(row.object is None or self._find(self._path(row.object)) is not None for row in rows)
        self._trusting = self._trusting and whole
        return whole

    def place(self, name: ObjectName, path: str) -> None:
        """See `ContentStore.place`."""
        target = path.rstrip("/")
        fresh = beside(target, next(_numbers))
        try:
            if path.endswith("/"):
                self._place_folder(name, fresh)
            else:
                self._place_file(name, fresh)
            swap(fresh, target)
        except BaseException:
            remove_tree(fresh)
            raise

    def files(self, name: ObjectName) -> Sequence[str] | None:
        """See `ContentStore.files`."""
        data = self._verified(self._path(name) + FOLDER, name)
        try:
            return None if data is None else sorted_files(read_manifest(data))
        except BadManifest:
            return None

    def parts(self, name: ObjectName) -> Sequence[ObjectName]:
        """The objects of the files in a kept folder; none if that cannot be read."""
        try:
            with open(self._find(self._path(name) + FOLDER) or "", "rb") as file:
                return [row.object for row in read_manifest(file.read()) if row.object is not None]
        except (OSError, BadManifest):
            return ()

    def content(self, name: ObjectName) -> bytes | None:
        """See `ContentStore.content`."""
        return self._verified(self._path(name), name)

    def digest_in(self, name: ObjectName, path: str) -> Digest | None:
        """The digest of a file in a kept folder, by its path inside: an empty one if it holds no such file.

        None if that cannot be told, because the folder or the file is not there whole.
        """
        data = self._verified(self._path(name) + FOLDER, name)
        try:
            rows = () if data is None else read_manifest(data)
        except BadManifest:
            return None
        held = next((row.object for row in rows if row.path == path), None)
        if data is not None and held is None:
            return Digest("")
        place = None if held is None else self._find(self._path(held))
        if place is None:
            return None
        source = reading(place)
        try:
            names = named(source)
        finally:
            os.close(source)
        return names.digest if names.object == held else None

    def _verified(self, final: str, name: ObjectName) -> bytes | None:
        path = self._find(final)
        try:
            with open(path or final, "rb") as file:
                data = file.read()
        except OSError:
            return None
        return data if blake3(data).hexdigest() == name else None

    def remember(self, trace: Trace) -> None:
        """See `ContentStore.remember`."""
        self.records.add(trace)

    def remembered(self) -> Iterable[Trace]:
        """See `ContentStore.remembered`."""
        return sorted(self.records, key=lambda trace: (trace.order, trace.ended))

    def forget(self, trace: Trace) -> None:
        """Drop the plain record of a result; its bytes stay."""
        with self._trouble():
            self.records.drop([trace])

    def tidy(self) -> None:
        """Remove what killed processes left half made; what cannot be removed stays."""
        for _ in self.leftovers(remove=True):
            pass

    def leftovers(self, *, remove: bool) -> Iterator[int]:
        """What killed processes left half made, as bytes of disk."""
        with suppress(FileNotFoundError, PermissionError), os.scandir(f"{self.folder}/tmp") as found:
            for entry in found:
                with suppress(OSError):
                    if is_abandoned(entry):
                        free = entry.stat(follow_symlinks=False).st_blocks * BLOCK_OF_DISK
                        if remove:
                            os.unlink(entry.path)
                        yield free

    def temporary(self) -> str:
        """A path that nobody else uses, for what is not whole or on its way out. Raises StoreTrouble."""
        return self._fresh()

    def places(self, name: ObjectName) -> Sequence[str]:
        """Where a file or a folder of this name would lie."""
        return (self._path(name), self._path(name) + FOLDER)

    def drop(self, name: ObjectName) -> None:
        """Remove a damaged object, if it is there. Its files, if it is a folder, stay: others may share them."""
        self._trusting = False
        path = self._path(name)
        with self._guard:
            fresh = [self._pending.pop(final, None) for final in (path, path + FOLDER)]
        for one in (*fresh, path, path + FOLDER):
            if one is not None:
                _remove(one)

    # Keeping

    def _keep_file(self, path: str) -> tuple[Names, bool]:
        source = reading(path)
        try:
            status = os.fstat(source)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "is no regular file", path)
            executable = bool(status.st_mode & 0o111)
            if status.st_size < BLOCK:
                # One byte more than there should be; a whole block would be fresh memory for every small file.
                data = os.read(source, status.st_size + 1)
                if len(data) == status.st_size == os.fstat(source).st_size:
                    name = ObjectName(blake3(data).hexdigest())
                    with self._trouble():
                        self._put(self._path(name), data, 0o555 if executable else 0o444)
                    return Names(Digest(xxh3_128_hexdigest(data)), name, len(data)), executable
                os.lseek(source, 0, os.SEEK_SET)
            return self._keep_large(source, path, executable), executable
        finally:
            os.close(source)

    def _keep_large(self, source: int, path: str, executable: bool) -> Names:
        fresh = self._fresh()
        try:
            with self._trouble():
                target = os.open(
                    fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o555 if executable else 0o444
                )
                try:
                    names = self._copier.copy(source, target)
                    _start_writing(target)
                finally:
                    os.close(target)
        except BaseException:
            _remove(fresh)
            raise
        self._pend(self._path(names.object), fresh)
        return names

    def _keep_folder(self, folder: str) -> Kept:
        rows: list[Row] = []
        digests: list[tuple[Entry, Digest | None]] = []
        size = 0
        for entry in entries(folder, DISK):
            if entry.kind == "file":
                names, executable = self._keep_file(f"{folder}/{entry.path}")
                rows.append(Row(entry.path, "file", names.object, names.size, executable))
                digests.append((entry, names.digest))
                size += names.size
            else:
                rows.append(Row(entry.path, entry.kind, text=entry.text))
                digests.append((entry, None))
        data = write_manifest(rows)
        name = ObjectName(blake3(data).hexdigest())
        with self._trouble():
            self._put(self._path(name) + FOLDER, data, 0o444)
        return Kept(folder_digest(digests), name, size)

    def _put(self, final: str, data: bytes, mode: int) -> None:
        """Write a small file that is to stand under this name after `sync`."""
        if self._has_object(final):
            return
        fresh = self._fresh()
        try:
            target = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            try:
                write_all(target, data)
                _start_writing(target)
            finally:
                os.close(target)
        except BaseException:
            _remove(fresh)
            raise
        self._pend(final, fresh)

    def _has_object(self, final: str) -> bool:
        """Whether an object needs not be written again."""
        if not final.startswith(f"{self.folder}/objects/"):
            return False
        return final in self._pending or (self._trusting and _still_there(final))

    def _pend(self, final: str, fresh: str) -> None:
        with self._guard:
            double = final in self._pending or self._has_object(final)
            if not double:
                self._pending[final] = fresh
        if double:
            _remove(fresh)

    def _fresh(self) -> str:
        with self._trouble():
            self._make(f"{self.folder}/tmp")
        return f"{self.folder}/tmp/{_here()}-{os.getpid()}-{next(_numbers)}"

    def _make(self, folder: str) -> None:
        if folder not in self._made:
            os.makedirs(folder, exist_ok=True)
            self._made.add(folder)

    # Placing

    def _place_file(self, name: ObjectName, fresh: str, *, executable: bool | None = None) -> None:
        path = self._find(self._path(name))
        if path is None:
            raise DamagedObject(f"{name} is not in {self.folder}")
        source = reading(path)
        try:
            if self._hardlink and self._linked(source, name, path, fresh):
                return
            mode = 0o777 if (os.fstat(source).st_mode & 0o111 if executable is None else executable) else 0o666
            target = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            try:
                names = self._copier.copy(source, target)
            finally:
                os.close(target)
        finally:
            os.close(source)
        if names.object != name:
            self.drop(name)
            raise DamagedObject(f"the bytes of {name} in {self.folder} were damaged: it was dropped")

    def _linked(self, source: int, name: ObjectName, path: str, fresh: str) -> bool:
        """Whether the object, found sound, stands under the other name too; not where links cannot be made."""
        sound = named(source).object == name
        os.lseek(source, 0, os.SEEK_SET)
        if not sound:
            return False
        try:
            os.link(path, fresh)
        except OSError:
            return False
        return True

    def _place_folder(self, name: ObjectName, fresh: str) -> None:
        path = self._find(self._path(name) + FOLDER)
        if path is None:
            raise DamagedObject(f"{name} is not in {self.folder}")
        with open(path, "rb") as file:
            data = file.read()
        try:
            if blake3(data).hexdigest() != name:
                raise BadManifest("its bytes are not those of its name")
            rows = read_manifest(data)
        except BadManifest as error:
            self.drop(name)
            raise DamagedObject(f"the folder {name} in {self.folder} was damaged ({error}): it was dropped") from error
        os.mkdir(fresh)
        for row in rows:
            target = f"{fresh}/{row.path}"
            if row.type == "folder":
                os.mkdir(target)
            elif row.type == "link":
                os.symlink(row.text, target)
            elif row.object is not None:
                self._place_file(row.object, target, executable=row.executable)

    # Looking

    def _path(self, name: str) -> str:
        return f"{self.folder}/objects/{name[:2]}/{name}"

    def _find(self, final: str) -> str | None:
        """Where the bytes of this are now; none if nowhere."""
        fresh = self._pending.get(final)
        if fresh is not None:
            return fresh
        return final if os.path.exists(final) else None

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreTrouble(self._explain(error)) from error

    def _explain(self, error: OSError) -> str:
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                return f"disk full at {self.folder}: make room or move the store with MLMAKE_CACHE_DIR"
            case errno.EACCES | errno.EPERM | errno.EROFS:
                return f"no permission to write in {self.folder}: change it or move the store with MLMAKE_CACHE_DIR"
            case _:
                return f"cannot write in {self.folder}: {error.strerror}"


def _still_there(path: str) -> bool:
    """Whether an object is there to be used again, which its time tells a collector from now on."""
    try:
        os.utime(path)
    except PermissionError:
        # Another user's: nothing keeps it here, unless it is written again.
        return False
    except OSError as error:
        return error.errno == errno.EROFS and os.path.exists(path)
    return True


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


@cache
def _here() -> str:
    """Where process numbers mean the same: this machine, this container."""
    try:
        inside = os.readlink("/proc/self/ns/pid")
    except OSError:
        inside = ""
    return xxh3_64_hexdigest(os.fsencode(f"{os.uname().nodename} {inside}"))


def is_abandoned(entry: "os.DirEntry[str]") -> bool:
    """Whether the process that made a temporary file is gone; one of another machine after a day."""
    where, _, rest = entry.name.partition("-")
    pid = rest.partition("-")[0]
    if where == _here() and pid.isdigit():
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > _DAY


def _start_writing(descriptor: int) -> None:
    # Begins the transfer to the disk, so that the later flushes of many files find it done and share one commit.
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
