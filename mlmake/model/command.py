"""What a step does; it knows no inputs, no outputs and no process."""

from dataclasses import dataclass
from typing import TypeAlias


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


Command: TypeAlias = Shell | Argv | Call | Select | Group
