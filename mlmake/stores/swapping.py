"""Puts something new in the place of something old, whole or not at all; it does not know what either is."""

import os
from contextlib import suppress


def beside(target: str, number: int) -> str:
    """A hidden name beside this one, on the same disk; short, as names are limited to 255 bytes."""
    folder, _ = os.path.split(target)
    return os.path.join(folder, f".mlmake-{os.getpid()}-{number}")


def swap(fresh: str, target: str) -> None:
    """Put `fresh` where `target` is, whatever that is. Raises OSError."""
    if os.path.isdir(fresh) or (os.path.isdir(target) and not os.path.islink(target)):
        old = f"{fresh}-old"
        try:
            os.rename(target, old)
        except FileNotFoundError:
            os.rename(fresh, target)
            return
        try:
            os.rename(fresh, target)
        except BaseException:
            os.rename(old, target)
            raise
        remove_tree(old)
    else:
        os.replace(fresh, target)


def remove_tree(path: str) -> None:
    """Remove a file, a link or a folder with all that is in it, if it is there. Raises OSError."""
    if os.path.isdir(path) and not os.path.islink(path):
        import shutil  # noqa: PLC0415 - slow to load, and most builds remove no folder

        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            os.unlink(path)
