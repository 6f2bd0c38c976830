"""What an input or output stands for, by path; it does not know which step it belongs to or what is on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

# Paths are strings with "/" between parts, relative to the project root, normalised; those outside the project keep
# leading "../" parts or are absolute. A folder ends in "/". Names that are not UTF-8 carry surrogate escapes.


class FilePath(str):
    """A path among the values of a matrix: templates may ask for its parts."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The last part."""
        return self.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The last part without its last suffix."""
        head, dot, tail = self.name.rpartition(".")
        return head if dot and head.strip(".") and tail else self.name

    @property
    def parent(self) -> str:
        """The folder, without a final "/"; "." for the project's own."""
        head, slash, _ = self.rpartition("/")
        return head or slash or "."


@dataclass(frozen=True, slots=True)
class Leaf:
    """A file or folder that nothing in the graph makes."""

    path: str


@dataclass(frozen=True, slots=True)
class Made:
    """A whole output of another action."""

    path: str
    maker: str


@dataclass(frozen=True, slots=True)
class Part:
    """A file, or a folder, inside the folder output of another action; known once that has run."""

    path: str
    maker: str


@dataclass(frozen=True, slots=True)
class PartGlob:
    """What matches a pattern inside the folder output of another action; known once that has run."""

    pattern: str
    maker: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """One output of the instances that a selection chose, best first; known once that has run.

    `selector` is the action that selects, `manifest` the path of what it writes. `candidates` gives, for every
    instance that may be chosen, the path of that output and the action that makes it.
    """

    output: str
    selector: str
    manifest: str
    candidates: Mapping[str, str]


Item: TypeAlias = Leaf | Made | Part | PartGlob | Chosen


@dataclass(frozen=True, slots=True)
class Input:
    """One input as declared: its name (none in an array), whether it is one path or a list, and what it stands for."""

    name: str | None
    many: bool
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """One declared output: a file, or a folder if the path ends in "/"."""

    name: str | None
    path: str
