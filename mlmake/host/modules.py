"""Where Python modules lie, by looking and never by importing; it does not know what is in them."""

import os
import subprocess
import sys
from collections.abc import Sequence

_OWN = (sys.executable, os.path.realpath(sys.executable))


class ModuleFinder:
    """Finds the source of a module: in the project root first, then where its interpreter looks.

    `tried` gets all paths that were looked at, found or not.
    """

    def __init__(self, root: str, python: str, *, tried: list[str] | None = None) -> None:
        self.root, self.python = root, python
        self.tried: list[str] = [] if tried is None else tried
        self._search: Sequence[str] | None = None

    def find(self, module: str) -> tuple[str, str] | None:
        """The path (relative to the root where it lies inside) and the source text of a module; None if not found."""
        parts = module.split(".")
        for folder in (self.root, *self._elsewhere(parts[0])):
            # In the order of Python's own import: a package hides a module of the same name.
            for path in (os.path.join(folder, *parts, "__init__.py"), os.path.join(folder, *parts) + ".py"):
                self.tried.append(path)
                if os.path.isfile(path):
                    with open(path, encoding="utf-8", errors="surrogateescape") as file:
                        return self._shown(path), file.read()
        return None

    def _elsewhere(self, top: str) -> Sequence[str]:
        """Where the interpreter looks, unless the project itself has the top-level package."""
        if os.path.isdir(os.path.join(self.root, top)) or os.path.isfile(os.path.join(self.root, top + ".py")):
            return ()
        if self._search is None:
            self._search = search_path(self.python)
        return self._search

    def _shown(self, path: str) -> str:
        inside = path.startswith(self.root + os.sep)
        return os.path.relpath(path, self.root).replace(os.sep, "/") if inside else path


def search_path(python: str) -> Sequence[str]:
    """The folders that an interpreter imports from, without its start folder."""
    if python in _OWN:
        return [entry for entry in sys.path if entry]
    code = "import sys; print('\\n'.join(sys.path[1:]))"
    try:
        told = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [entry for entry in told.stdout.splitlines() if entry]
