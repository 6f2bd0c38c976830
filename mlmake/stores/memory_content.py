"""Bytes that live as long as the process, under the laws of the real content store; it knows no folder of its own."""

import os
from collections.abc import Iterable, Sequence

from blake3 import blake3
from xxhash import xxh3_128_hexdigest

from mlmake.model.digest import Digest, ObjectName
from mlmake.model.trace import Trace
from mlmake.model.tree import Entry, entries, folder_digest
from mlmake.ports import DamagedObject, Kept
from mlmake.stores.eyes import DISK
from mlmake.stores.manifest import Row, read_manifest, sorted_files, write_manifest
from mlmake.stores.swapping import beside, remove_tree, swap


class MemoryContent:
    """Objects and manifests in dictionaries, records in a list."""

    def __init__(self) -> None:
        self.objects: dict[ObjectName, bytes] = {}
        self.folders: dict[ObjectName, bytes] = {}
        self.records: list[Trace] = []
        self._executable: set[ObjectName] = set()
        self._count = 0

    def keep(self, path: str) -> Kept:
        """See `ContentStore.keep`."""
        if not path.endswith("/"):
            return self._keep_file(path)[0]
        folder, size = path.rstrip("/"), 0
        rows: list[Row] = []
        digests: list[tuple[Entry, Digest | None]] = []
        for entry in entries(folder, DISK):
            if entry.kind == "file":
                kept, executable = self._keep_file(f"{folder}/{entry.path}")
                rows.append(Row(entry.path, "file", kept.object, kept.size, executable))
                digests.append((entry, kept.digest))
                size += kept.size
            else:
                rows.append(Row(entry.path, entry.kind, text=entry.text))
                digests.append((entry, None))
        data = write_manifest(rows)
        name = ObjectName(blake3(data).hexdigest())
        self.folders[name] = data
        return Kept(folder_digest(digests), name, size)

    def sync(self) -> None:
        """See `ContentStore.sync`: nothing outlives the process."""

    def has(self, name: ObjectName) -> bool:
        """See `ContentStore.has`."""
        if name in self.objects:
            return True
        rows = read_manifest(self.folders[name]) if name in self.folders else None
        return rows is not None and all(row.object is None or row.object in self.objects for row in rows)

    def place(self, name: ObjectName, path: str) -> None:
        """See `ContentStore.place`."""
        target = path.rstrip("/")
        self._count += 1
        fresh = beside(target, self._count)
        try:
            if not path.endswith("/"):
                self._place_file(name, fresh, executable=name in self._executable)
            else:
                self._place_folder(name, fresh)
            swap(fresh, target)
        except BaseException:
            remove_tree(fresh)
            raise

    def files(self, name: ObjectName) -> Sequence[str] | None:
        """See `ContentStore.files`."""
        return sorted_files(read_manifest(self.folders[name])) if name in self.folders else None

    def content(self, name: ObjectName) -> bytes | None:
        """See `ContentStore.content`."""
        data = self.objects.get(name)
        return data if data is not None and blake3(data).hexdigest() == name else None

    def remember(self, trace: Trace) -> None:
        """See `ContentStore.remember`."""
        self.records.append(trace)

    def remembered(self) -> Iterable[Trace]:
        """See `ContentStore.remembered`."""
        return sorted(self.records, key=lambda trace: (trace.order, trace.ended))

    def drop(self, name: ObjectName) -> None:
        """Remove an object, if it is there."""
        self.objects.pop(name, None)
        self.folders.pop(name, None)

    def _keep_file(self, path: str) -> tuple[Kept, bool]:
        with open(path, "rb") as file:
            data = file.read()
            executable = bool(os.fstat(file.fileno()).st_mode & 0o111)
        name = ObjectName(blake3(data).hexdigest())
        if executable and name not in self.objects:
            self._executable.add(name)
        self.objects.setdefault(name, data)
        return Kept(Digest(xxh3_128_hexdigest(data)), name, len(data)), executable

    def _place_file(self, name: ObjectName, fresh: str, *, executable: bool) -> None:
        data = self.objects.get(name)
        if data is None or blake3(data).hexdigest() != name:
            self.drop(name)
            raise DamagedObject(f"{name} is not there or damaged")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777 if executable else 0o666)
        with open(descriptor, "wb") as file:
            file.write(data)

    def _place_folder(self, name: ObjectName, fresh: str) -> None:
        if name not in self.folders:
            raise DamagedObject(f"{name} is not there")
        os.mkdir(fresh)
        for row in read_manifest(self.folders[name]):
            target = f"{fresh}/{row.path}"
            if row.type == "folder":
                os.mkdir(target)
            elif row.type == "link":
                os.symlink(row.text, target)
            elif row.object is not None:
                self._place_file(row.object, target, executable=row.executable)
