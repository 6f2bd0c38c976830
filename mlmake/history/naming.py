"""Which run a word on the command line means; it does not know what is in a run."""

import re
from collections.abc import Sequence

_RELATIVE = re.compile(r"last(?:~(\d+))?")
_RUN = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")

LISTED = 5
"""Runs that a message names."""


class NoRun(Exception):
    """The word means no run, or several; the message says what there is."""


def looks_like_run(name: str) -> bool:
    """Whether mlmake would give a run this name."""
    return _RUN.fullmatch(name) is not None


def find_run(word: str, runs: Sequence[str]) -> str:
    """The run that `word` means, out of `runs`, newest first. Raises NoRun.

    `last` is the newest, `last~2` the second before it; else a run's id, or a beginning or the end of it that only one
    has.
    """
    if word in runs:
        return word
    if not runs:
        raise NoRun(f"{word}: no run is remembered yet: only builds in which something happened leave one")
    if relative := _RELATIVE.fullmatch(word):
        back = int(relative[1] or 0)
        if back >= len(runs):
            raise NoRun(f"{word}: only {len(runs)} runs are remembered; the oldest is {runs[-1]}")
        return runs[back]
    found = [run for run in runs if word and (run.startswith(word) or run.endswith(word))]
    if len(found) == 1:
        return found[0]
    if found:
        named = ", ".join(found[:LISTED]) + (", …" if len(found) > LISTED else "")
        raise NoRun(f"{word} may mean {len(found)} runs: {named}")
    named = ", ".join(runs[:LISTED]) + (", …" if len(runs) > LISTED else "")
    raise NoRun(f"{word} is no run; there are `last`, `last~1` and so on, and {named}")
