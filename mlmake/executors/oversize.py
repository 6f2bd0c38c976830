"""Puts words that are too long for the system to start a process with into files; it knows nothing of what they say."""

import os
from collections.abc import Mapping, Sequence

LONGEST = 120_000
"""Bytes of one word or variable that every Linux takes; its own limit is 128 KiB with the name."""

_SOURCING = ("sh", "bash", "dash", "ksh", "zsh")


def shorten_env(env: Mapping[str, str], path: str) -> tuple[dict[str, str], list[str]]:
    """An environment in which mlmake's own long variables are in files, as NAME_FILE; and those files.

    The files' names begin with `path`. Raises OSError.
    """
    fitting, files = dict(env), []
    for name, value in env.items():
        if name.startswith("MLMAKE_") and len(value) > LONGEST // 4 and len(_bytes(value)) > LONGEST:
            file = f"{path}.{name.lower()}"
            _write(file, value)
            files.append(file)
            del fitting[name]
            fitting[f"{name}_FILE"] = file
    return fitting, files


def shorten_script(argv: Sequence[str], path: str) -> tuple[Sequence[str], list[str]]:
    """A shell's command whose last word, the script, is read from a file at `path` if it is long. Raises OSError."""
    if len(_bytes(argv[-1])) <= LONGEST or os.path.basename(argv[0]) not in _SOURCING:
        return argv, []
    _write(path, argv[-1])
    return (*argv[:-1], '. "$0"', path), [path]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _write(path: str, text: str) -> None:
    with open(path, "wb") as file:
        file.write(_bytes(text))
