"""A copy of a project to be spoiled; it knows which files are left out and nothing of what is in them."""

import os
import shutil
from collections.abc import Callable

LARGE = 1 << 20
"""Bytes from which on a file is linked instead of copied, where nothing is going to run."""

LEFT_OUT = frozenset({".mlmake", ".git", ".hg", ".svn", "__pycache__", ".hypothesis", ".pytest_cache"})
LINKED = ("pyvenv.cfg", ".package-lock.json")
"""A folder with one of these is an environment of programs: it is linked."""


def copy_project(root: str, place: str, *, made: Callable[[str], bool], link: bool) -> None:
    """Copy all but outputs, state and version control; `made` says whether the project makes a path itself.

    With `link` large files become links to the originals: for what reads and never writes.
    """
    for folder, folders, files in os.walk(root):
        inside = os.path.relpath(folder, root)
        inside = "" if inside == os.curdir else inside + "/"
        os.makedirs(os.path.join(place, inside), exist_ok=True)
        for name in list(folders):
            source, path = os.path.join(folder, name), inside + name
            if name in LEFT_OUT or made(path + "/") or os.path.samefile(source, place):
                folders.remove(name)
            elif os.path.islink(source) or any(os.path.exists(os.path.join(source, sign)) for sign in LINKED):
                folders.remove(name)
                os.symlink(os.path.realpath(source), os.path.join(place, path))
        for name in files:
            if not made(inside + name):
                _copy(os.path.join(folder, name), os.path.join(place, inside, name), link=link)


def _copy(source: str, place: str, *, link: bool) -> None:
    # What is not there (a link that leads nowhere) or is no file (a socket) is no input either.
    if not os.path.isfile(source):
        return
    if link and os.path.getsize(source) >= LARGE:
        os.symlink(os.path.realpath(source), place)
    else:
        shutil.copy2(source, place)
