"""What belongs to a folder's content and what its digest is; it is told what lies in a folder and looks at no disk."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from xxhash import xxh3_128

from mlmake.model.digest import Digest

OWN_FOLDER = ".mlmake"
"""The engine's own folder, part of no content."""

Kind: TypeAlias = Literal["file", "folder", "link"]
Found: TypeAlias = Literal["file", "folder", "link-to-file", "link-to-folder", "dangling", "other"]
"""What a directory holds under a name; `dangling` is a link to nothing, `other` a pipe, socket or device."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder: its path inside it; `text` is where a link leads, else empty."""

    path: str
    kind: Kind
    text: str = ""


@dataclass(frozen=True, slots=True)
class Eyes:
    """How a disk is looked at. Paths are absolute; all may raise OSError."""

    scan: Callable[[str], Iterable[tuple[str, Found]]]
    real: Callable[[str], str]
    text: Callable[[str], str]


class NotContent(Exception):
    """There is a pipe, socket or device in a folder; the argument is its path."""


def entries(folder: str, eyes: Eyes) -> list[Entry]:
    """All that a folder holds, by bytes of path.

    A link to a file counts as that file. A link to a folder counts as that folder's content if it lies outside,
    and as a link by its way inside this one if it leads back in, so that cycles end. A link to nothing is its text.
    """
    found: list[Entry] = []
    root = eyes.real(folder)
    _collect(folder, "", eyes, root, (root,), found)
    found.sort(key=_in_bytes)
    return found


def _collect(folder: str, prefix: str, eyes: Eyes, root: str, around: tuple[str, ...], found: list[Entry]) -> None:
    for name, kind in eyes.scan(folder):
        path = prefix + name
        if kind == "file" or kind == "link-to-file":
            found.append(Entry(path, "file"))
        elif name == OWN_FOLDER:
            continue
        elif kind == "folder":
            found.append(Entry(path, "folder"))
            _collect(f"{folder}/{name}", path + "/", eyes, root, around, found)
        elif kind == "link-to-folder":
            target = eyes.real(f"{folder}/{name}")
            if _inside(target, root):
                found.append(Entry(path, "link", way(prefix, target[len(root) + 1 :])))
            elif any(_inside(one, target) for one in around):
                # It holds what is being walked: following it would never end.
                found.append(Entry(path, "link", eyes.text(f"{folder}/{name}")))
            else:
                found.append(Entry(path, "folder"))
                _collect(f"{folder}/{name}", path + "/", eyes, root, (*around, target), found)
        elif kind == "dangling":
            found.append(Entry(path, "link", eyes.text(f"{folder}/{name}")))
        else:
            raise NotContent(f"{folder}/{name}")


def way(prefix: str, target: str) -> str:
    """The relative link text from inside `prefix` (ends in "/" or is empty) to `target`, both relative to a root."""
    here, there = prefix.split("/")[:-1], [part for part in target.split("/") if part]
    same = 0
    while same < min(len(here), len(there)) and here[same] == there[same]:
        same += 1
    return "/".join([".."] * (len(here) - same) + there[same:]) or "."


def folder_digest(content: Iterable[tuple[Entry, Digest | None]]) -> Digest:
    """The digest of a folder: its entries by bytes of path, each file with the digest of its bytes."""
    hasher = xxh3_128(b"folder/1")
    for entry, digest in content:
        path = entry.path.encode("utf-8", "surrogateescape")
        value = digest.encode() if digest is not None else entry.text.encode("utf-8", "surrogateescape")
        hasher.update(b"%s %d:%s%d:%s" % (entry.kind.encode(), len(path), path, len(value), value))
    return Digest(hasher.hexdigest())


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _in_bytes(entry: Entry) -> bytes:
    return entry.path.encode("utf-8", "surrogateescape")
