"""Where a project is: the Mlfile that governs a folder; it does not know what is in it but its includes."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

NAMES = ("Mlfile", "Mlfile.toml")


class NoProject(Exception):
    """No Mlfile, or two of them; the message has place, cause and mend."""


@dataclass(frozen=True, slots=True)
class Located:
    """A project's root (absolute) and the name of its Mlfile in it; `tried` are all paths that were looked at."""

    root: str
    name: str
    tried: tuple[str, ...]


def locate(folder: str, file: str | None, *, includes: Callable[[str], Sequence[str]]) -> Located:
    """The project that governs `folder`, or the one of `file`. Raises NoProject.

    From the nearest Mlfile upward the search goes on while a parent's Mlfile includes the one found. `includes` gives
    the absolute paths that an Mlfile includes.
    """
    if file is not None:
        path = os.path.abspath(os.path.join(folder, file))
        if not os.path.isfile(path):
            raise NoProject(f"{file}: there is no such Mlfile: check -f")
        return Located(os.path.dirname(path), os.path.basename(path), (path,))
    tried: list[str] = []
    found: str | None = None
    here = os.path.abspath(folder)
    while True:
        present = [path for name in NAMES if _is_file(path := os.path.join(here, name), tried)]
        if len(present) == 2 and (found is None or _includes(present, found, includes)):
            raise NoProject(f"{present[0]} and {present[1]} are both there: keep one of them")
        if present and (found is None or _includes(present, found, includes)):
            found = present[0]
        parent = os.path.dirname(here)
        if parent == here:
            break
        here = parent
    if found is None:
        raise NoProject(
            f"no Mlfile in {os.path.abspath(folder)} or any folder above it: write one, or start with `mlmake init`"
        )
    return Located(os.path.dirname(found), os.path.basename(found), tuple(tried))


def _is_file(path: str, tried: list[str]) -> bool:
    tried.append(path)
    return os.path.isfile(path)


def _includes(present: Sequence[str], found: str, includes: Callable[[str], Sequence[str]]) -> bool:
    return any(found in includes(path) for path in present)
