"""The runs that a command looks back on, and what words mean which; it reads no Mlfile."""

import os
import sys
from collections.abc import Sequence

from mlmake.cli.ending import WrongUse
from mlmake.cli.settings import Settings
from mlmake.history.naming import NoRun, find_run
from mlmake.history.past import NOW
from mlmake.host.lock import BuildLock
from mlmake.stores.past import PastRuns
from mlmake.views.screen import printable

SHOW, DIFF = "show", "diff"


def past_runs(settings: Settings) -> PastRuns:
    """The runs of the project that governs where the command was called. Raises Usage where there is none."""
    # Slow: all that reads an Mlfile, although only its place is asked for.
    from mlmake.reading import Choices, find_project, state_folder  # noqa: PLC0415

    root = find_project(Choices(directory=settings.directory, file=settings.file)).root
    return runs_in(os.path.join(state_folder(root), "runs"))


def runs_in(folder: str) -> PastRuns:
    """The runs in a folder, told from the one that goes on by the lock beside it."""
    return PastRuns(folder, is_building=BuildLock(os.path.join(os.path.dirname(folder), "lock")).is_held)


def meant(word: str, runs: PastRuns) -> str:
    """The run that a word means. Raises WrongUse."""
    try:
        return find_run(word, runs.names())
    except NoRun as error:
        raise WrongUse(str(error)) from error


def chosen(words: Sequence[str], runs: PastRuns, *, name: str) -> tuple[str, list[str]]:
    """`[show|diff] [A [B]]` as what to do and the runs, `NOW` among them as it is. Raises WrongUse."""
    verb, *rest = words or (SHOW,)
    if verb not in (SHOW, DIFF):
        verb, rest = SHOW, list(words)
    if len(rest) > 2:
        raise WrongUse(f"`mlmake {name} {verb}` takes two runs at most, not {len(rest)}")
    return verb, [word if word == NOW else meant(word, runs) for word in rest]


def remark(text: str, settings: Settings) -> None:
    """Say something beside the result."""
    if not settings.quiet:
        sys.stdout.flush()
        sys.stderr.write(printable(text) + "\n")
