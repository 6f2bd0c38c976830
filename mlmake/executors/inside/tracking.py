"""Notes what a Python process executes, opens and imports; stands alone, in any CPython from 3.8 on.

It knows nothing of steps: a file to append to, a root and what is wanted come by environment variables or arguments.
An entry is its kind, the seconds since the epoch, a space and a name, with a NUL at its end. Kinds: "x" a file under
the root was executed, "r" opened to read, "w" written, "u" opened for both; "p" something was imported from outside,
its name being interpreter, folder and top-level module, a line each.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing is slow to import, and every interpreter of a step pays
    from collections.abc import Callable, Mapping
    from typing import Any

FILE_VARIABLE = "MLMAKE_TRACK_FILE"
ROOT_VARIABLE = "MLMAKE_TRACK_ROOT"
READS_VARIABLE = "MLMAKE_TRACK_READS"

_INSIDE = os.path.dirname(os.path.abspath(__file__))
_SITE = os.path.join(_INSIDE, "site")
_PACKAGES = ("site-packages" + os.sep, "dist-packages" + os.sep)
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
_EMPTIED = os.O_TRUNC | os.O_EXCL
# Never a step's data: compiled code, and what version control and mlmake itself keep.
_HIDDEN = (".mlmake" + os.sep, ".git" + os.sep, ".hg" + os.sep, ".svn" + os.sep)
_CACHED = "__pycache__" + os.sep


def tracking_env(env: Mapping[str, str], *, root: str, file: str, reads: bool) -> dict[str, str]:
    """What to add to an environment, so that every Python process started with it notes into `file`."""
    before = env.get("PYTHONPATH", "")
    parts = [part for part in before.split(os.pathsep) if part != _SITE] if before else []
    added = {"PYTHONPATH": os.pathsep.join([_SITE, *parts]), FILE_VARIABLE: file, ROOT_VARIABLE: root}
    if reads:
        added[READS_VARIABLE] = "1"
    return added


class Tracker:
    """An audit hook and where its findings go: to a file once there is one, until then they are kept.

    `found` are the files executed and when first, by names under the root. `reads` says whether opened files count.
    """

    def __init__(self, root: str, file: str | None = None, *, reads: bool = True) -> None:
        self.found: dict[str, float] = {}
        self._file = file
        self._reads = reads
        self._kept: list[bytes] = []
        self._opened: set[tuple[str, str]] = set()
        self._imported: set[str] = set()
        self._folders: dict[str, str | None] = {}
        root = root.rstrip(os.sep)
        self._root = root + os.sep
        self._roots = tuple({root + os.sep, os.path.realpath(root) + os.sep})
        # An interpreter or an environment inside the project is not the project.
        self._foreign = tuple(
            {
                prefix.rstrip(os.sep) + os.sep
                for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
                if not self._root.startswith(prefix.rstrip(os.sep) + os.sep)
            }
        )

    def install(self) -> None:
        """From now on, until the process ends."""
        known: set[object] = set()

        def executed(path: Any) -> None:
            if path is not None and path not in known:
                known.add(path)
                self._note(path)

        handlers: dict[str, Callable[[Any], None]] = {
            "exec": lambda args: executed(getattr(args[0], "co_filename", None)),
            "import": lambda args: executed(args[1]),
            "cpython.run_file": lambda args: executed(args[0]),
            "open": lambda args: self._note_open(args[0], args[2]),
            "os.rename": lambda args: self._note_made(args[1], args[3]),
            "os.link": lambda args: self._note_made(args[1], args[3]),
            "os.symlink": lambda args: self._note_made(args[1], args[2]),
            "sqlite3.connect": lambda args: self._note_open(args[0], os.O_RDWR),
        }
        find = handlers.get

        # Called for every event of the interpreter, `id()` too: a plain function costs half of what a method does.
        def hook(event: str, args: tuple[Any, ...]) -> None:
            handle = find(event)
            if handle is not None:
                try:
                    handle(args)
                except Exception:  # one from here would end what the step itself does
                    return

        sys.addaudithook(hook)

    def tell(self, file: str, *, reads: bool) -> None:
        """Write what was found, and what will be, into this file."""
        self._file, self._reads = file, reads
        self._folders.clear()
        if self._kept:
            self._write(file, b"".join(self._kept))

    def _note(self, spelling: str | bytes) -> None:
        path = os.fsdecode(spelling)
        if path.startswith("<"):
            return
        path = os.path.abspath(path)
        if path.startswith(self._foreign) or any(os.sep + part in path for part in _PACKAGES):
            self._note_package(path)
            return
        name = self._relative(path)
        if name is None:
            self._note_package(path)
        elif name not in self.found and not name.startswith(".mlmake" + os.sep):
            self.found[name] = moment = time.time()
            self._say("x", moment, name)

    def _note_package(self, path: str) -> None:
        """Something outside the project: by the folder it is imported from and its top-level name there."""
        if path.startswith(_INSIDE):
            return
        start = max((path.rfind(part) + len(part) for part in _PACKAGES if part in path), default=0)
        if not start:
            if path.startswith(_LIBRARY):
                return
            start = max((len(entry) + 1 for entry in sys.path if entry and path.startswith(entry + os.sep)), default=0)
        top = path[start:].partition(os.sep)[0].partition(".")[0]
        if not start or not top:
            return
        place = path[: start - 1] + "\n" + top
        if place not in self._imported:
            self._imported.add(place)
            self._say("p", time.time(), (sys.executable or "") + "\n" + place)

    def _note_open(self, path: Any, flags: int) -> None:
        if not self._reads or flags & _FOLDER:
            return
        access = flags & _ACCESS
        if access == os.O_RDONLY:
            self._note_data("r", path)
        elif access == os.O_WRONLY or flags & _EMPTIED or not os.path.exists(path):
            self._note_data("w", path)
        else:
            self._note_data("u", path)

    def _note_made(self, path: Any, folder: int) -> None:
        if self._reads and folder == -1:
            self._note_data("w", path)

    def _note_data(self, kind: str, spelling: Any) -> None:
        if not isinstance(spelling, (str, bytes)):
            return  # a descriptor: opened by its name before
        path = os.fsdecode(spelling)
        if (kind, path) in self._opened or path.endswith(".pyc"):
            return
        path = os.path.abspath(path)
        folder, _, last = path.rpartition(os.sep)
        if folder not in self._folders:
            self._folders[folder] = self._relative_folder(folder)
        inside = self._folders[folder]
        if inside is None:
            return
        self._opened.add((kind, os.fsdecode(spelling)))
        name = inside + last
        if not name.startswith(_HIDDEN) and _CACHED not in name:
            self._say(kind, time.time(), name)

    def _relative_folder(self, folder: str) -> str | None:
        """The name of a folder under the root, with a final separator unless it is the root; None if elsewhere."""
        path = folder + os.sep
        if path.startswith(self._foreign) or any(os.sep + part in path for part in _PACKAGES):
            return None
        own = os.path.dirname(self._file) + os.sep if self._file is not None else ""
        if len(own) > len(self._root) and own.startswith(self._roots) and path.startswith(own):
            return None  # mlmake's own folder, wherever it is
        if path in self._roots:
            return ""
        name = self._relative(path)
        if name is None:
            real = os.path.realpath(folder) + os.sep
            return "" if real in self._roots else None
        return name.rstrip(os.sep) + os.sep

    def _relative(self, path: str) -> str | None:
        """The name under the root; None if it lies elsewhere."""
        for spell in (str, os.path.realpath):
            candidate = spell(path)
            for root in self._roots:
                if candidate.startswith(root):
                    return candidate[len(root) :]
        return None

    def _say(self, kind: str, moment: float, name: str) -> None:
        entry = b"%s%.6f %s\0" % (kind.encode(), moment, os.fsencode(name))
        if self._file is None:
            self._kept.append(entry)
        else:
            self._write(self._file, entry)

    def _write(self, file_name: str, data: bytes) -> None:
        # Opened each time: the process may close every descriptor it does not know, and reuse its number.
        file = os.open(file_name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            os.write(file, data)
        finally:
            os.close(file)
