"""What a step does; it knows no inputs, no outputs and no process."""

from dataclasses import dataclass
from typing import TypeAlias

from mlmake.model.digest import Digest


@dataclass(frozen=True, slots=True)
class Shell:
    """A script for the project's shell; a template whose values are shell-quoted."""

    text: str


@dataclass(frozen=True, slots=True)
class Argv:
    """A command run without a shell; each element is a template."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A Python function of the project; `arguments` are the names it asks for, read from its source."""

    module: str
    function: str
    arguments: tuple[str, ...]
    optional: frozenset[str] = frozenset()
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """Choose the best of a fan-out by a metric; `pick` names the action ids whose outputs are chosen instead."""

    by: str
    top: int = 1
    order: str = "max"
    min: float | None = None
    max: float | None = None
    per: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    pick: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """No command: the target means its inputs."""


@dataclass(frozen=True, slots=True)
class Listing:
    """No command: stands for the instances of a target whose list is known once its makers are up to date.

    `read` says what the present list was taken from: (maker, path, digest). `complete` is false as long as something is
    not known, so that there may be instances besides those in the graph.
    """

    read: tuple[tuple[str, str, Digest], ...] = ()
    complete: bool = False


Command: TypeAlias = Shell | Argv | Call | Select | Group | Listing
