"""What an Mlfile says, read as flags and environment chose; it knows no state and builds nothing."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from mlmake import __version__
from mlmake.host.globbing import matching
from mlmake.host.machine import count_gpus, totals
from mlmake.host.modules import ModuleFinder
from mlmake.host.project import Located, NoProject, locate
from mlmake.mlfile.build import build_graph
from mlmake.mlfile.document import Document, load_document
from mlmake.mlfile.handed import Handed
from mlmake.mlfile.parameters import Parameters, merge_parameters
from mlmake.mlfile.problems import Problem, render
from mlmake.model.graph import Graph
from mlmake.planning.request import is_complete
from mlmake.ports import BadList
from mlmake.running import mishaps
from mlmake.running.lists import Recorded
from mlmake.stores.former import read_former


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What flags and environment chose; see the command line's reference for the meaning of each."""

    directory: str | None = None
    file: str | None = None
    set: tuple[str, ...] = ()
    params_file: str | None = None
    force_named: bool = False
    force: tuple[str, ...] = ()
    exact: bool = False
    rehash: bool = False
    no_cache: bool = False
    jobs: int | None = None
    keep_going: bool = False
    frozen: bool = False
    retry: int | None = None
    verbose: int = 0


class MlfileMistakes(Exception):
    """The Mlfile has mistakes; `text` shows them all."""

    def __init__(self, text: str, problems: Sequence[Problem]) -> None:
        super().__init__(text)
        self.text, self.problems = text, tuple(problems)


class Usage(Exception):
    """The words of the command line fit nothing here; the message says what was probably meant."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the Mlfile says, without what is to be listed, and how to look for that.

    `looked_at` are the absolute paths that were read or looked for.
    """

    graph: Graph
    document: Document
    parameters: Parameters
    handed: Handed
    looked_at: list[str]

    @property
    def texts(self) -> dict[str, str]:
        """All files with their names, for showing mistakes."""
        return {**self.document.texts, **self.parameters.texts}


def find_project(choices: Choices) -> Located:
    """The project that governs where the command was called. Raises Usage."""
    try:
        return locate(os.path.abspath(choices.directory or os.curdir), choices.file, includes=_includes)
    except NoProject as error:
        raise Usage(str(error)) from error


def read_project(located: Located, choices: Choices) -> Reading:
    """The graph of an Mlfile. Raises MlfileMistakes with all that is wrong, OSError."""
    root, looked_at = located.root, [*located.tried]

    def read(path: str) -> bytes | None:
        place = os.path.join(root, path)
        looked_at.append(place)
        try:
            with open(place, "rb") as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    document, problems = load_document(read, located.name, version=__version__)
    if document is None:
        raise _mistakes(problems, {located.name: (read(located.name) or b"").decode("utf-8", "replace")})
    extra = choices.params_file and os.path.relpath(os.path.join(choices.directory or "", choices.params_file), root)
    parameters, wrong = merge_parameters(document, read, settings=choices.set, extra_file=extra)
    problems += wrong
    python = document.table.project.python
    finder = ModuleFinder(root, os.path.join(root, python) if python else sys.executable, tried=looked_at)
    handed = Handed(
        # The graph is made more than once where lists become known; what was seen stays seen.
        listing=cache(lambda pattern: matching(root, pattern, looked_at)),
        module=cache(finder.find),
        environ=os.environ,
        totals=totals(),
        gpus=count_gpus,
        root=root,
        former=read_former(state_folder(root)),
    )
    graph, wrong = build_graph(document, parameters, handed)
    problems += wrong
    if graph is None or problems:
        raise _mistakes(problems, {**document.texts, **parameters.texts})
    return Reading(graph, document, parameters, handed, looked_at)


def with_lists(reading: Reading, recorded: Recorded) -> Graph:
    """The graph with the lists that are recorded. Raises OSError.

    What a step has listed is no mistake of the Mlfile: where it makes no graph such lists count as not known yet, and
    the build that makes them says what is wrong with them.
    """
    if all(target.listing is None for target in reading.graph.targets.values()):
        return reading.graph
    graph, _ = build_graph(reading.document, reading.parameters, replace(reading.handed, recorded=recorded))
    if graph is None:
        recorded.forget()
    return graph or reading.graph


def list_again(reading: Reading, recorded: Recorded, *, target: str) -> Graph:
    """The graph with what is recorded now for the list of one target. Raises BadList, OSError."""
    with recorded.renewed(target):
        graph, wrong = build_graph(reading.document, reading.parameters, replace(reading.handed, recorded=recorded))
        if graph is None or wrong:
            raise BadList(_in_a_line(wrong, reading.texts))
        listing = graph.targets[target].listing
        if listing is not None and not is_complete(graph, listing):
            raise BadList(mishaps.not_listed([n for n in graph.actions[listing].upstream if n in graph.actions]))
        return graph


def state_folder(root: str) -> str:
    """Where a project's state is."""
    return os.environ.get("MLMAKE_STATE_DIR") or os.path.join(root, ".mlmake")


def cache_folder(root: str, chosen: str | None) -> str:
    """Where a project's content store is; `chosen` by the Mlfile."""
    chosen = os.environ.get("MLMAKE_CACHE_DIR") or chosen
    return os.path.join(root, os.path.expanduser(chosen)) if chosen else os.path.join(state_folder(root), "cache")


def _in_a_line(problems: Sequence[Problem], texts: dict[str, str]) -> str:
    """The first mistake with its place and its mend, and how many more there are."""
    lines = [line for line in render(problems[:1], texts).splitlines() if line and not line.startswith("    ")]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return "; ".join(line.removeprefix("hint: ") for line in lines) + more


def _mistakes(problems: Sequence[Problem], texts: dict[str, str]) -> MlfileMistakes:
    return MlfileMistakes(render(problems, texts), problems)


def _includes(path: str) -> Sequence[str]:
    """The absolute paths that an Mlfile includes; none if it cannot be read."""
    folder, name = os.path.split(path)

    def read(inner: str) -> bytes:
        if inner != name:
            return b""  # what it includes is asked for by name only
        with open(path, "rb") as file:
            return file.read()

    document, _ = load_document(read, name)
    return [os.path.normpath(os.path.join(folder, i)) for i in document.table.project.include] if document else []
