"""Which distributions are installed where, by looking and never by importing; it does not know who uses them."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from mlmake.host.modules import search_path
from mlmake.model.job import Imported
from mlmake.model.trace import Packages

_INFO = (".dist-info", ".egg-info")
_VERSION_FILES = ("METADATA", "PKG-INFO", "")
_LISTS = ("top_level.txt", "RECORD", "SOURCES.txt", "installed-files.txt")


class InstalledPackages:
    """What lies in folders that interpreters import from. Looks are kept until `refresh`."""

    def __init__(self, root: str, python: str, *, search: Callable[[str], Sequence[str]] = search_path) -> None:
        """`python` is the project's interpreter; both are absolute. `search` gives the folders that one imports from.

        What lies in the project is remembered relative to `root`, so that a project may be moved with its environment.
        """
        self.root, self.python = root, python
        self._search = search
        self._known: dict[tuple[str, str, bool], Sequence[str]] = {}
        self._folders: dict[str, _Folder] = {}

    def refresh(self) -> None:
        """Look anew: something may have been installed."""
        # Replaced and never emptied: another thread may be looking.
        self._folders = {place: _Folder(place, before) for place, before in self._folders.items()}
        self._known = {}

    def resolve(self, imported: Sequence[Imported]) -> tuple[Packages, ...]:
        """The distributions of these modules with their versions now; modules that belong to none are left out."""
        self.refresh()
        found = []
        for (python, place), group in groupby(imported, key=lambda item: (item.python, item.folder)):
            folder = self._folder(place)
            names = sorted({name for item in group for name in folder.owners(item.module)})
            versions = {name: version for name in names if (version := folder.version(name)) is not None}
            if versions:
                found.append(Packages(self._short(place), self._short(python), self._same(python), versions))
        return tuple(found)

    def now(self, packages: Packages) -> Mapping[str, str]:
        """The versions of these packages as they are now; those that are no longer there are left out."""
        found = {}
        for name in packages.versions:
            for place in self._places(packages):
                if (version := self._folder(place).version(name)) is not None:
                    found[name] = version
                    break
        return found

    def looked_at(self, packages: Packages) -> list[str]:
        """The absolute paths that `now` depends on."""
        places = self._places(packages)
        return [*places, *(path for p in places for name in packages.versions for path in self._folder(p).files(name))]

    def _places(self, packages: Packages) -> Sequence[str]:
        """Where they were; if the project has another interpreter by now, where that one looks."""
        key = packages.folder, packages.python, packages.own
        if key not in self._known:
            folder, python = (os.path.join(self.root, path) for path in (packages.folder, packages.python))
            there = not packages.own or (self._same(python) and os.path.isdir(folder))
            self._known[key] = (folder,) if there else self._search(self.python)
        return self._known[key]

    def _same(self, python: str) -> bool:
        """Whether this is the project's interpreter under any of its names."""

        def identity(path: str) -> tuple[str, str]:
            return os.path.realpath(os.path.dirname(path)), os.path.realpath(path)

        return python == self.python or identity(python) == identity(self.python)

    def _short(self, path: str) -> str:
        return path.removeprefix(self.root.rstrip("/") + "/")

    def _folder(self, place: str) -> "_Folder":
        if place not in self._folders:
            self._folders[place] = _Folder(place)
        return self._folders[place]


class _Folder:
    """One folder that modules are imported from, and what installers have written about them."""

    def __init__(self, place: str, before: "_Folder | None" = None) -> None:
        """`before` is an earlier look at the same folder."""
        self._place, self._stamp = place, _stamp(place)
        self._versions: dict[str, str | None] = {}
        self._lists: dict[str, str] = {}
        self._entries: dict[str, str] = {}
        if before is not None and before._stamp == self._stamp:
            # Which modules a distribution has goes with its entry here; its version is read again.
            self._lists, self._entries = before._lists, before._entries
            return
        try:
            entries = sorted(entry for entry in os.listdir(place) if entry.endswith(_INFO))
        except OSError:  # gone, or not to be read: then nothing is installed there
            entries = []
        self._entries = {_canonical(entry.partition("-")[0].removesuffix(".egg-info")): entry for entry in entries}

    def version(self, name: str) -> str | None:
        """The version of a distribution; None if it is not here."""
        if name not in self._versions:
            self._versions[name] = self._read_version(name)
        return self._versions[name]

    def files(self, name: str) -> Iterable[str]:
        """What says the version of a distribution."""
        if name in self._entries:
            yield from (os.path.join(self._place, self._entries[name], file).rstrip("/") for file in _VERSION_FILES[:2])

    def owners(self, module: str) -> list[str]:
        """The distributions that hold this top-level module; several share a namespace."""
        likely = _canonical(module)
        if likely in self._entries and self._holds(likely, module):
            return [likely]
        return [name for name in self._entries if self._holds(name, module)]

    def _read_version(self, name: str) -> str | None:
        entry = self._entries.get(name)
        if entry is None:
            return None
        for file in _VERSION_FILES:
            text = self._read(os.path.join(entry, file).rstrip("/"))
            if found := re.search(r"^Version:[ \t]*(\S+)", text, re.MULTILINE):
                return found[1]
        parts = entry.rpartition(".")[0].split("-")
        return parts[1] if len(parts) > 1 else ""

    def _holds(self, name: str, module: str) -> bool:
        if name not in self._lists:
            texts = (self._read(os.path.join(self._entries[name], file)) for file in _LISTS)
            self._lists[name] = "\n" + "\n".join(texts)
        text = self._lists[name]
        return any(f"\n{module}{end}" in text for end in ("/", ".", "\n"))

    def _read(self, file: str) -> str:
        try:
            with open(os.path.join(self._place, file), encoding="utf-8", errors="replace") as text:
                return text.read()
        except OSError:  # each installer writes some of these files
            return ""


def _stamp(place: str) -> tuple[int, int]:
    try:
        found = os.stat(place)
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_ino)


def _canonical(name: str) -> str:
    """The one spelling of a distribution's name that all others become."""
    return re.sub(r"[-_.]+", "-", name).lower()
