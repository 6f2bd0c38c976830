"""What the building of a graph must be told of the world; it does not know who looks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mlmake.model.digest import Digest
from mlmake.model.graph import Resources


def _nothing(pattern: str) -> Sequence[str]:
    return ()


def _none() -> int:
    return 0


def _no_module(name: str) -> tuple[str, str] | None:
    return None


@dataclass(frozen=True, slots=True)
class RecordedOutput:
    """One output as the latest result of its maker left it.

    `files` are the files of a folder by bytes of path, as paths from the root; of a file it is that file. `read` gives
    the content of a file, none if it cannot be had.
    """

    digest: Digest
    files: Sequence[str]
    read: Callable[[], bytes | None]


def _nothing_recorded(target: str, maker: str, path: str) -> RecordedOutput | None:
    return None


@dataclass(frozen=True, slots=True)
class Handed:
    """Looks into the world, handed in.

    `listing` gives the files that match a glob, ordered by bytes; `module` the path and source text of a Python
    module, none if there is none. `totals` are the machine's, without its graphics cards, which `gpus` counts when
    asked. `root` is the absolute project root, so that paths written absolute are known as the project's; none if that
    does not matter. `former` tells which instance has made a path, as far as that is known. `recorded` gives for a
    target that lists it what is recorded of the output that a maker has at a path; none if nothing is.
    """

    listing: Callable[[str], Sequence[str]] = _nothing
    module: Callable[[str], tuple[str, str] | None] = _no_module
    environ: Mapping[str, str] = field(default_factory=dict)
    totals: Resources = Resources()
    root: str | None = None
    former: Mapping[str, str] = field(default_factory=dict)
    gpus: Callable[[], int] = _none
    recorded: Callable[[str, str, str], RecordedOutput | None] = _nothing_recorded
