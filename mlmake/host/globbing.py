"""Which files match a pattern now; it does not know what they are for."""

import fnmatch
import os
import re
from collections.abc import Iterator, Sequence

from mlmake.model.tree import OWN_FOLDER

_MAGIC = re.compile(r"[*?[]")


def matching(root: str, pattern: str, looked_at: list[str] | None = None) -> list[str]:
    """The files, spelled as the pattern is, ordered by bytes. With a final "/" the folders. Raises OSError.

    `looked_at` gets the absolute paths whose change could change the answer.

    `**` is any number of folders, none of them hidden or a link; a hidden name matches only where the pattern has
    the dot.
    """
    start = "/" if pattern.startswith("/") else ""
    wants_folders = pattern.endswith("/")
    parts = [part for part in pattern.split("/") if part]
    if parts and parts[-1] == "**" and not wants_folders:
        parts.append("*")
    found = set(_match(root, start, parts, wants_folders, [] if looked_at is None else looked_at))
    if all(map(str.isascii, found)):
        return sorted(found)
    return sorted(found, key=os.fsencode)


def _match(root: str, prefix: str, parts: Sequence[str], wants_folders: bool, seen: list[str]) -> Iterator[str]:
    """`prefix` is empty or ends in "/"."""
    part, rest = parts[0], parts[1:]
    if part == OWN_FOLDER:
        return
    if part == "**":
        if rest:
            yield from _match(root, prefix, rest, wants_folders, seen)
        for entry in _scan(root, prefix, seen):
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                if not rest:
                    yield f"{prefix}{entry.name}/"
                yield from _match(root, f"{prefix}{entry.name}/", parts, wants_folders, seen)
    elif not _MAGIC.search(part):
        path = _absolute(root, prefix + part)
        seen.append(path)
        if rest:
            yield from _match(root, f"{prefix}{part}/", rest, wants_folders, seen)
        elif wants_folders and os.path.isdir(path):
            yield f"{prefix}{part}/"
        elif not wants_folders and os.path.isfile(path):
            yield prefix + part
    else:
        fits = re.compile(fnmatch.translate(part)).match
        hidden = part.startswith(".")
        for entry in _scan(root, prefix, seen):
            name = entry.name
            if (name.startswith(".") and not hidden) or not fits(name):
                continue
            if rest:
                if entry.is_dir() and name != OWN_FOLDER:
                    yield from _match(root, f"{prefix}{name}/", rest, wants_folders, seen)
            elif not wants_folders and entry.is_file():
                yield prefix + name
            elif wants_folders and entry.is_dir() and name != OWN_FOLDER:
                yield f"{prefix}{name}/"


def _scan(root: str, prefix: str, seen: list[str]) -> list[os.DirEntry[str]]:
    seen.append(_absolute(root, prefix) or "/")
    try:
        with os.scandir(_absolute(root, prefix) or "/") as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _absolute(root: str, path: str) -> str:
    return path if path.startswith("/") else f"{root}/{path}"
