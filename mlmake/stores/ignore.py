"""Keeps version control out of the engine's own folder; it knows no project around it."""

import os


def ignore_itself(folder: str) -> None:
    """Make the folder, with a `.gitignore` of its own that names everything in it. Raises OSError."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, ".gitignore")
    if not os.path.lexists(path):
        fresh = f"{path}.{os.getpid()}"
        with open(fresh, "w", encoding="ascii") as file:
            file.write("*\n")
        os.replace(fresh, path)
