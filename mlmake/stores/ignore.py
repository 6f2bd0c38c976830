"""Keeps version control out of the engine's own folder; it knows no project around it."""

import os
from contextlib import suppress


def ignore_itself(folder: str) -> None:
    """Make the folder, with a `.gitignore` of its own that names everything in it. Raises OSError, which names it."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, ".gitignore")
    if os.path.lexists(path):
        return
    fresh = f"{path}.{os.getpid()}"
    try:
        with open(fresh, "w", encoding="ascii") as file:
            file.write("*\n")
        os.replace(fresh, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(fresh)
        raise OSError(error.errno, error.strerror, path) from error
