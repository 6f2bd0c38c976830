"""Keeps `make -j8` within the places that are shared with it; it knows nothing of jobs.

GNU make leaves the places it was offered as soon as its own command line has a `-j`, whatever the number. So the number
is dropped there: where mlmake starts `make` itself, and by a shell function where bash does. `command make -j8`, or a
MAKEFLAGS of the step's own, still has its way.
"""

import os
import re
from collections.abc import Mapping, Sequence

_OFFER = "--jobserver-auth="
_NAMES = ("make", "gmake")
# Letters that take no argument may stand before the j.
_CLUSTER = re.compile(r"-([bBdeikLmnpqrRsStvw]*)j([0-9]*)")

_FUNCTION = """() {
    if [[ ${MAKEFLAGS-} != *--jobserver-auth=* ]]; then command NAME "$@"; return; fi
    local word number= words=()
    for word do
        if [[ $number && $word =~ ^[0-9]+$ ]]; then number=; continue; fi
        number=
        if [[ $word =~ ^-([bBdeikLmnpqrRsStvw]*)j([0-9]*)$ ]]; then
            number=${BASH_REMATCH[2]:-yes}
            [[ $number == yes ]] || number=
            [[ ! ${BASH_REMATCH[1]} ]] || words+=("-${BASH_REMATCH[1]}")
        elif [[ $word != --jobs && $word != --jobs=* ]]; then
            words+=("$word")
        fi
    done
    command NAME ${words[@]+"${words[@]}"}
}"""

FUNCTIONS = {f"BASH_FUNC_{name}%%": _FUNCTION.replace("NAME", name) for name in _NAMES}
"""Variables by which bash gets the functions."""


def with_functions(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a step, with the functions if places are shared with it and it has none of its own."""
    if _OFFER not in env.get("MAKEFLAGS", ""):
        return dict(env)
    return {**FUNCTIONS, **env}


def without_number(argv: Sequence[str], env: Mapping[str, str]) -> Sequence[str]:
    """The command without the number of jobs, if it is a `make` with which places are shared."""
    if os.path.basename(argv[0]) not in _NAMES or _OFFER not in env.get("MAKEFLAGS", ""):
        return argv
    words, number = [argv[0]], False
    for word in argv[1:]:
        if number and word.isascii() and word.isdigit():
            number = False
            continue
        number = False
        if found := _CLUSTER.fullmatch(word):
            number = not found[2]
            if found[1]:
                words.append(f"-{found[1]}")
        elif word != "--jobs" and not word.startswith("--jobs="):
            words.append(word)
    return words
