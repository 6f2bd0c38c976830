"""The project's files: what is at a path, and outputs aside, kept and put back; it does not know why."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence

from mlmake.host.aside import Aside, Leftover
from mlmake.host.eyes import DISK
from mlmake.host.globbing import matching
from mlmake.host.hashing import Progress, hash_file, not_regular, stamp_of
from mlmake.host.removal import remove
from mlmake.model.digest import MISSING, Digest, ObjectName, Stamp, Version
from mlmake.model.trace import Product
from mlmake.model.tree import Entry, NotContent, entries, folder_digest
from mlmake.ports import Clock, ContentStore, DamagedObject, OutsideProject, Stamped, StampStore

SETTLED = 2_000_000_000
"""Nanoseconds a file must have rested when it was hashed: a younger one may change within a tick of its times."""


class LocalWorkspace:
    """The files below `root`, an absolute path. Any thread may ask; `flush_stamps` belongs to the owner."""

    def __init__(
        self,
        root: str,
        *,
        stamps: StampStore,
        clock: Clock,
        aside: str,
        rehash: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.root = root.rstrip("/") or "/"
        self._stamps, self._clock, self._rehash, self._progress = stamps, clock, rehash, progress
        self._aside = Aside(aside, self.root)
        self._lent = f"{os.path.dirname(aside.rstrip('/'))}/lent".removeprefix(self.root.rstrip("/") + "/")
        self._looks: dict[str, Version] = {}
        self._known: dict[str, Stamped | None] = {}
        self._new: dict[str, Stamped] = {}
        self._outputs: dict[str, tuple[str, ...]] = {}

    # Looking

    def version(self, path: str) -> Version:
        """See `Workspace.version`. Raises OSError for what cannot be read or is a pipe, socket or device."""
        look = self._looks.get(path)
        if look is None:
            look = self._looks[path] = self._look(path)
        return look

    def look_again(self, path: str) -> Version:
        """See `Workspace.look_again`."""
        look = self._looks[path] = self._look(path)
        return look

    def listing(self, pattern: str) -> Sequence[str]:
        """See `Workspace.listing`."""
        return matching(self.root, pattern)

    def files(self, folder: str) -> Sequence[str]:
        """See `Workspace.files`."""
        try:
            found = entries(self.absolute(folder), DISK)
        except NotContent as error:
            raise not_regular(str(error)) from error
        return [folder + entry.path for entry in found if entry.kind == "file"]

    def touched(self, path: str) -> float | None:
        """See `Workspace.touched`; of a link the later of its own time and that of what it leads to."""
        place = self.absolute(path)
        status = _status(place)
        if status is None or stat.S_ISDIR(status.st_mode) != path.endswith("/"):
            return None
        return max(status.st_ctime_ns, os.lstat(place).st_ctime_ns) / 1e9

    def read(self, path: str) -> bytes:
        """See `Workspace.read`."""
        with open(self.absolute(path), "rb") as file:
            return file.read()

    def forget(self, paths: Iterable[str]) -> None:
        """See `Workspace.forget`; looks at folders around them go too."""
        folders = []
        for path in paths:
            self._looks.pop(path, None)
            if path.endswith("/"):
                folders.append(path)
            end = path.rstrip("/").rfind("/")
            while end > 0:
                self._looks.pop(path[: end + 1], None)
                end = path.rfind("/", 0, end)
        if folders:
            inside = tuple(folders)
            for path in [path for path in list(self._looks) if path.startswith(inside)]:
                self._looks.pop(path, None)

    def prefetch(self, paths: Iterable[str]) -> None:
        """Read the stamps of these in one transaction."""
        wanted = [path for path in paths if path not in self._known and not path.endswith("/")]
        if wanted and not self._rehash:
            self._known.update(dict.fromkeys(wanted))
            self._known.update(self._stamps.stamps(wanted))

    def flush_stamps(self) -> None:
        """Remember the digests found since the last time."""
        new, self._new = self._new, {}
        if new:
            self._stamps.put_stamps(new)

    # Outputs

    def write(self, path: str, content: bytes) -> None:
        """See `Workspace.write`. Raises OutsideProject too."""
        self._inside(path)

        def make(place: str) -> None:
            with open(place, "wb") as file:
                file.write(content)

        self._aside.replace(path, make)
        self.forget((path,))

    def clear(self, job: str, outputs: Sequence[str], keep: Sequence[str]) -> None:
        """See `Workspace.clear`."""
        for path in outputs:
            self._inside(path)
        self.forget(outputs)
        self._outputs[job] = tuple(outputs)
        self._aside.move(job, [path for path in outputs if path not in keep])

    def put_back(self, job: str) -> None:
        """See `Workspace.put_back`; a job that was never cleared for is ignored."""
        self._aside.put_back(job)
        self.forget(self._outputs.pop(job, ()))

    def spare(self, job: str, products: Sequence[Product]) -> Sequence[str]:
        """See `Workspace.spare`."""
        digests = {product.path.rstrip("/"): product.digest for product in products}
        kept = []
        for output, place in self._aside.moved(job).items():
            look = self._look(place + "/" if os.path.isdir(place) and not os.path.islink(place) else place)
            if look != digests.get(output.rstrip("/")):
                kept.append(self._aside.spare(job, output))
        return kept

    def settle(self, job: str) -> None:
        """See `Workspace.settle`."""
        self._aside.settle(job)
        self._outputs.pop(job, None)

    def product(self, name: str | None, path: str, *, store: ContentStore | None) -> Product | None:
        """See `Workspace.product`. Raises OSError for what cannot be read."""
        place = self.absolute(path)
        status = _status(place)
        if status is None or stat.S_ISDIR(status.st_mode) != path.endswith("/"):
            return None
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise not_regular(place)
        self.forget((path,))
        if store is None:
            digest = self.look_again(path)
            return Product(name, path, digest, self._size(path, status), None) if isinstance(digest, str) else None
        began = self._now_ns()
        try:
            kept = store.keep(place + "/" if path.endswith("/") else place)
        except NotContent as error:
            raise not_regular(str(error)) from error
        after = _status(place)
        if stat.S_ISREG(status.st_mode) and after is not None and stamp_of(after) == stamp_of(status):
            self._remember(path, Stamped(stamp_of(status), kept.digest, began))
        self._looks[path] = kept.digest
        return Product(name, path, kept.digest, kept.size, kept.object)

    def restore(self, products: Sequence[Product], store: ContentStore) -> None:
        """See `Workspace.restore`. Raises OutsideProject too."""
        wanted = [product for product in products if self._differs(product)]
        for product in wanted:
            self._inside(product.path)
            if product.object is None or not store.has(product.object):
                raise DamagedObject(f"the bytes of {product.path} are not in the store")
        for product in wanted:
            if (name := product.object) is not None:
                self._aside.replace(product.path, _placing(store, name, "/" if product.path.endswith("/") else ""))
                self.forget((product.path,))
                # Verified by its strong name on the way, so its digest needs no second reading.
                self._looks[product.path] = product.digest

    # Lent to steps

    def lent(self, job: str, path: str) -> str:
        """See `Workspace.lent`."""
        return f"{self._lent}/{job}/{path.lstrip('/')}"

    def lend(self, job: str, products: Sequence[Product], store: ContentStore) -> None:
        """See `Workspace.lend`."""
        for product in products:
            if product.object is None:
                raise DamagedObject(f"the bytes of {product.path} are not in the store")
            place = self.absolute(self.lent(job, product.path))
            os.makedirs(os.path.dirname(place), exist_ok=True)
            store.place(product.object, place + ("/" if product.path.endswith("/") else ""))

    def take_back(self, job: str) -> None:
        """See `Workspace.take_back`."""
        remove(self.absolute(f"{self._lent}/{job}"))

    # After a kill

    def note_process(self, job: str, pid: int, started: int) -> None:
        """See `Aside.note_process`."""
        self._aside.note_process(job, pid, started)

    def leftovers(self) -> Sequence[Leftover]:
        """See `Aside.leftovers`."""
        return self._aside.leftovers()

    def recover(self, is_recorded: Callable[[Mapping[str, Version]], bool]) -> Sequence[str]:
        """See `Aside.recover`; `is_recorded` says whether a result with all of these outputs is remembered."""
        remove(self.absolute(self._lent))
        told = self._aside.recover(lambda outputs: is_recorded({path: self._recovered(path) for path in outputs}))
        self._looks.clear()
        return told

    def _recovered(self, path: str) -> Version:
        try:
            return self.look_again(path)
        except OSError:
            return MISSING

    def close(self) -> None:
        """Write what stamps are left and close the journal."""
        self.flush_stamps()
        self._aside.close()

    def absolute(self, path: str) -> str:
        """The absolute path of a graph path, without a final "/"."""
        path = path.rstrip("/") or path
        return path if path.startswith("/") else f"{self.root}/{path}"

    # The inside

    def _look(self, path: str) -> Version:
        return self._look_at_folder(path) if path.endswith("/") else self._look_at_file(path)

    def _look_at_file(self, path: str) -> Version:
        place = path if path.startswith("/") else f"{self.root}/{path}"
        status = _status(place)
        if status is None or stat.S_ISDIR(status.st_mode):
            return MISSING
        if not stat.S_ISREG(status.st_mode):
            raise not_regular(place)
        known = self._trusted(path)
        if known is not None and trusted(known.stamp, status, looked_ns=known.hashed_ns):
            return known.digest
        began = self._now_ns()
        try:
            digest, stamp = hash_file(place, name=path, progress=self._progress)
        except FileNotFoundError:
            return MISSING
        if stamp is not None:
            self._remember(path, Stamped(stamp, digest, began))
        return digest

    def _look_at_folder(self, path: str) -> Version:
        place = self.absolute(path)
        if not os.path.isdir(place):
            return MISSING
        prefix = path if path.endswith("/") else path + "/"
        try:
            found = entries(place, DISK)
        except NotContent as error:
            raise not_regular(str(error)) from error
        except (FileNotFoundError, NotADirectoryError):
            return MISSING
        self.prefetch(prefix + entry.path for entry in found if entry.kind == "file")
        return folder_digest((entry, self._part(prefix, entry)) for entry in found)

    def _part(self, prefix: str, entry: Entry) -> Digest | None:
        if entry.kind != "file":
            return None
        version = self._look_at_file(prefix + entry.path)
        if isinstance(version, str):
            return version
        # It vanished since the folder was read: a digest of nothing, which the next look replaces.
        return Digest("")

    def _trusted(self, path: str) -> Stamped | None:
        if self._rehash:
            return None
        if path not in self._known:
            self.prefetch((path,))
        return self._known.get(path)

    def _remember(self, path: str, stamped: Stamped) -> None:
        self._known[path] = self._new[path] = stamped

    def _differs(self, product: Product) -> bool:
        try:
            return self.look_again(product.path) != product.digest
        except OSError:
            return True

    def _size(self, path: str, status: os.stat_result) -> int:
        if not path.endswith("/"):
            return status.st_size
        place = self.absolute(path)
        files = (f"{place}/{entry.path}" for entry in entries(place, DISK) if entry.kind == "file")
        return sum(os.stat(file).st_size for file in files)

    def _inside(self, path: str) -> str:
        """The absolute path of an output whose parents exist and are in the project. Raises OutsideProject, OSError."""
        place = self.absolute(path)
        if _is_plain(self.root, os.path.dirname(path.rstrip("/"))):
            return place
        parent, root = os.path.realpath(os.path.dirname(place)), os.path.realpath(self.root)
        if parent != root and not parent.startswith(root.rstrip("/") + "/"):
            raise OutsideProject(f"{path} would be written in {parent}, outside the project {root}")
        os.makedirs(parent, exist_ok=True)
        return place

    def _now_ns(self) -> int:
        return int(self._clock.now() * 1e9)


def _is_plain(root: str, folder: str) -> bool:
    """Whether this folder is there and no link leads to it from the root, so that it is where its name says."""
    if not folder or folder.startswith(("/", "..")):
        return False
    place = root
    try:
        for name in folder.split("/"):
            place = f"{place}/{name}"
            if not stat.S_ISDIR(os.lstat(place).st_mode):
                return False
    except OSError:
        return False
    return True


def _placing(store: ContentStore, name: ObjectName, end: str) -> Callable[[str], None]:
    return lambda place: store.place(name, place + end)


def trusted(stamp: Stamp, status: os.stat_result, *, looked_ns: int) -> bool:
    """Whether what was found out of a file with this stamp, at this wall clock, holds for one with this stat."""
    return (
        stamp.ctime_ns == status.st_ctime_ns
        and stamp.mtime_ns == status.st_mtime_ns
        and stamp.size == status.st_size
        and stamp.inode == status.st_ino
        and stamp.mode == status.st_mode
        # The kernel sets the ctime, a user the mtime: only the first tells how young the content may be.
        and stamp.ctime_ns + SETTLED <= looked_ns
    )


def _status(place: str) -> os.stat_result | None:
    try:
        return os.stat(place)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise
