"""Somewhere files lie, real or in the toy world: what suites for both need to look at and to spoil."""

import os

from mlmake.host.clock import SystemClock
from mlmake.host.files import LocalWorkspace
from mlmake.stores.content import FolderStore
from mlmake.stores.memory import MemoryState
from mlmake.testing.toy.ports import ROOT, SPARED, Disk, FakeClock, FakeStore, FakeWorkspace


class RealPlace:
    """A folder with a project and, outside of it, a store."""

    def __init__(self, folder):
        self.project, self.folder = folder / "p", folder
        self.project.mkdir()
        self.store = FolderStore(str(folder / "store"))
        self.clock = SystemClock()

    def workspace(self):
        aside = str(self.folder / "aside")
        return LocalWorkspace(str(self.project), stamps=MemoryState(), clock=self.clock, aside=aside)

    def absolute(self, path):
        return f"{self.project}/{path}"

    def put(self, path, text):
        place = self.project / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def files(self):
        return {str(p.relative_to(self.project)): p.read_text() for p in self.project.rglob("*") if p.is_file()}

    def text_at(self, absolute):
        with open(absolute) as file:
            return file.read()

    def spoil(self, name):
        path = f"{self.store.folder}/objects/{name[:2]}/{name}"
        os.chmod(path, 0o644)
        with open(path, "r+b") as file:
            file.write(b"X")


class ToyPlace:
    """The disk of the toy world."""

    def __init__(self):
        self.clock = FakeClock()
        self.disk = Disk(self.clock)
        self.store = FakeStore(self.disk)

    def workspace(self):
        return FakeWorkspace(self.disk)

    def absolute(self, path):
        return ROOT + path

    def put(self, path, text):
        self.clock.pass_(1)
        self.disk.write(path, text)

    def files(self):
        return {path: text for path, text in self.disk.files.items() if not path.startswith(SPARED)}

    def text_at(self, absolute):
        return self.disk.files[absolute.removeprefix(ROOT)]

    def spoil(self, name):
        self.store.damaged.add(name)


def place_of(kind, folder):
    """One of these."""
    return RealPlace(folder) if kind == "real" else ToyPlace()
