"""Notes which of the project's files a Python process executes; stands alone, in any CPython from 3.8 on.

It knows nothing of steps: a file to append to and a root come by environment variables or arguments.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing is slow to import, and every interpreter of a step pays
    from collections.abc import Mapping
    from typing import Any

FILE_VARIABLE = "MLMAKE_TRACK_FILE"
ROOT_VARIABLE = "MLMAKE_TRACK_ROOT"

_SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site")
_FOREIGN = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


def tracking_env(env: Mapping[str, str], *, root: str, file: str) -> dict[str, str]:
    """What to add to an environment, so that every Python process started with it notes into `file`."""
    before = env.get("PYTHONPATH", "")
    parts = [part for part in before.split(os.pathsep) if part != _SITE] if before else []
    return {"PYTHONPATH": os.pathsep.join([_SITE, *parts]), FILE_VARIABLE: file, ROOT_VARIABLE: root}


class Tracker:
    """An audit hook and where its findings go: to a file once there is one, until then they are kept."""

    def __init__(self, root: str, file: str | None = None) -> None:
        self.found: dict[str, float] = {}
        self._file = file
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
        note = self._note

        # Called for every event of the interpreter, `id()` too: a plain function costs half of what a method does.
        def hook(event: str, args: tuple[Any, ...]) -> None:
            if event == "exec":
                path = getattr(args[0], "co_filename", None)
            elif event == "import":
                path = args[1]
            elif event == "cpython.run_file":
                path = args[0]
            else:
                return
            if path is None or path in known:
                return
            try:
                known.add(path)
                note(path)
            except Exception:  # one from here would end the step's own import
                return

        sys.addaudithook(hook)

    def tell(self, file: str) -> None:
        """Write what was found, and what will be, into this file."""
        self._file = file
        if self.found:
            self._write(file, b"".join(_entry(name, moment) for name, moment in self.found.items()))

    def _note(self, spelling: str | bytes) -> None:
        path = os.fsdecode(spelling)
        if path.startswith("<"):
            return
        path = os.path.abspath(path)
        if path.startswith(self._foreign) or any(part in path for part in _FOREIGN):
            return
        name = self._relative(path)
        if name is None or name in self.found or name.startswith(".mlmake" + os.sep):
            return
        self.found[name] = moment = time.time()
        if self._file is not None:
            self._write(self._file, _entry(name, moment))

    def _relative(self, path: str) -> str | None:
        """The name under the root; None if it lies elsewhere."""
        for candidate in (path, os.path.realpath(path)):
            for root in self._roots:
                if candidate.startswith(root):
                    return candidate[len(root) :]
        return None

    def _write(self, file_name: str, data: bytes) -> None:
        # Opened each time: the process may close every descriptor it does not know, and reuse its number.
        file = os.open(file_name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            os.write(file, data)
        finally:
            os.close(file)


def _entry(name: str, moment: float) -> bytes:
    return b"%.6f %s\0" % (moment, os.fsencode(name))
