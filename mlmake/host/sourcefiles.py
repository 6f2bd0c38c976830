"""Which files a local source consists of and the digest of what they hold; it knows nothing of what follows."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlmake.host.eyes import DISK
from mlmake.host.files import LocalWorkspace
from mlmake.model.digest import Digest
from mlmake.model.graph import Action
from mlmake.model.item import Leaf, Made, Part, PartGlob
from mlmake.model.tree import Entry, NotContent, entries, folder_digest
from mlmake.model.validity import Pattern, Remote, Source


class NotThere(Exception):
    """A source is missing or incomplete; the message has place, cause and mend."""


@dataclass(frozen=True, slots=True)
class SourceFiles:
    """All that a source holds, by bytes of graph path: files, folders and links."""

    entries: tuple[Entry, ...]

    @property
    def files(self) -> list[str]:
        """The graph paths of its files."""
        return [entry.path for entry in self.entries if entry.kind == "file"]


def list_source(action: Action, source: Source, workspace: LocalWorkspace) -> SourceFiles:
    """What the local items of a source hold now, but for inputs of the action. Raises NotThere, OSError."""
    inputs = frozenset(
        item.path for declared in action.inputs for item in declared.items if isinstance(item, Leaf | Made | Part)
    )
    folders = tuple(path for path in inputs if path.endswith("/"))
    found: dict[str, Entry] = {}
    seen = False
    for place in _places(source, workspace):
        for entry in _held(place, source.ready, workspace):
            seen = seen or entry.kind == "file"
            if entry.path not in inputs and not (folders and f"{entry.path}/".startswith(folders)):
                found[entry.path] = entry
    if not any(entry.kind == "file" for entry in found.values()) and any(
        not isinstance(item, Remote) for item in source.items
    ):
        if seen:
            raise NotThere("all files of the source are inputs of the target too; narrow `inputs`")
        if not found:
            raise NotThere(f"the source {_told(source)} holds nothing; correct `source`, or bring the data")
    return SourceFiles(tuple(found[path] for path in sorted(found, key=os.fsencode)))


def content_digest(held: SourceFiles, workspace: LocalWorkspace, go_on: Callable[[], None]) -> Digest:
    """The Merkle digest of names and contents; only files whose stamps differ are read. Raises OSError."""
    workspace.prefetch(held.files)

    def parts() -> Iterator[tuple[Entry, Digest | None]]:
        for entry in held.entries:
            if entry.kind != "file":
                yield entry, None
                continue
            go_on()
            version = workspace.look_again(entry.path)
            # It vanished since the folder was read: a digest of nothing, which the next look replaces.
            yield entry, version if isinstance(version, str) else Digest("")

    return folder_digest(parts())


def _places(source: Source, workspace: LocalWorkspace) -> Iterator[str]:
    """The paths of files and folders that are the source. Raises NotThere."""
    for item in source.items:
        match item:
            case Leaf(path) | Made(path, _) | Part(path, _):
                yield path
            case Pattern(pattern) | PartGlob(pattern, _):
                matched = workspace.listing(pattern)
                if not matched:
                    raise NotThere(f"nothing matches the source {pattern}; correct `source`, or bring the data")
                yield from matched
            case Remote():
                continue


def _held(path: str, ready: str | None, workspace: LocalWorkspace) -> Iterator[Entry]:
    place = workspace.absolute(path)
    if not path.endswith("/"):
        if os.path.isdir(place):
            raise NotThere(f"the source {path} is a folder; write {path}/")
        if not os.path.exists(place):
            raise NotThere(f"the source {path} is not there; correct `source`, or bring the data")
        yield Entry(path, "file")
        return
    if not os.path.isdir(place):
        what = "a file; write it without the final /" if os.path.lexists(place) else "not there"
        mend = "" if os.path.lexists(place) else "; correct `source`, or bring the data"
        raise NotThere(f"the source {path} is {what}{mend}")
    if ready is not None and not os.path.lexists(f"{place}/{ready}"):
        raise NotThere(f"the source {path} is not complete: it has no {ready} yet; wait for it, or correct `ready`")
    try:
        held = entries(place, DISK)
    except NotContent as error:
        raise NotThere(f"the source {path} holds {error}, a pipe, socket or device; move it elsewhere") from error
    for entry in held:
        if entry.path != ready:
            yield Entry(path + entry.path, entry.kind, entry.text)


def _told(source: Source) -> str:
    names = []
    for item in source.items:
        match item:
            case Leaf(path) | Made(path, _) | Part(path, _):
                names.append(path)
            case Pattern(pattern) | PartGlob(pattern, _):
                names.append(pattern)
            case Remote():
                continue
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
