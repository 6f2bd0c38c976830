"""Spares the shell where it would only start one program with plain words; it knows nothing of jobs.

A shell costs more than many a step: it reads its libraries, looks the program up and becomes it.
"""

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from functools import lru_cache

from mlmake.executors.making import FUNCTIONS

PLAIN = ("bash", "-euo", "pipefail", "-c")
"""The only shell whose reading of plain words is known here."""

# Nothing that a shell would expand, redirect or join; quoted parts in single quotes only.
_WORDS = re.compile(r"\s*[\w/.+-]+(?:[ \t]+(?:[\w@%+=:,./-]|'[^'\n]*')+)*\s*", re.ASCII)

_OWN_WORDS = frozenset(
    """. : [ alias bg bind break builtin caller case cd command compgen complete compopt continue coproc declare dirs
    disown do done echo elif else enable esac eval exec exit export false fc fg fi for function getopts hash help
    history if in jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly return select set
    shift shopt source suspend test then time times trap true type typeset ulimit umask unalias unset until wait
    while""".split()  # noqa: SIM905 - a list of sixty quoted words hides them
)


def without_shell(argv: Sequence[str], env: Mapping[str, str]) -> Sequence[str]:
    """The command that the shell would become, if that is all it would do; else `argv` as it is."""
    if len(argv) != len(PLAIN) + 1 or tuple(argv[:-1]) != PLAIN or not _WORDS.fullmatch(argv[-1]):
        return argv
    # Files and functions that a shell would read first may give any word another meaning.
    if "BASH_ENV" in env or any(name.startswith("BASH_FUNC_") and name not in FUNCTIONS for name in env):
        return argv
    text = argv[-1]
    words = shlex.split(text) if "'" in text else text.split()
    if words[0] in _OWN_WORDS or program(words[0], env.get("PATH")) is None:
        return argv
    return words


@lru_cache(maxsize=1024)
def program(name: str, path: str | None) -> str | None:
    """Where a program lies by `PATH`; None if it is not found, or named by a path of its own."""
    if "/" in name or path is None or any(not os.path.isabs(folder) for folder in path.split(os.pathsep)):
        return None
    return shutil.which(name, path=path)
