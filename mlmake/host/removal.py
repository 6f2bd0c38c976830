"""Removes files and folders whatever their permissions; it does not know whose they are."""

import os
from collections.abc import Callable
from contextlib import suppress


def remove(path: str) -> None:
    """Remove a file, a link or a folder with all that is in it, if it is there. Raises OSError."""
    if os.path.isdir(path) and not os.path.islink(path):
        import shutil  # noqa: PLC0415 - slow to load, and most builds remove no folder

        shutil.rmtree(path, onerror=_open_up)
    else:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _open_up(again: Callable[[str], object], path: str, error: tuple[type, BaseException, object]) -> None:
    """A step may have made a folder that nothing can be removed from."""
    if isinstance(error[1], FileNotFoundError):
        return
    if not isinstance(error[1], PermissionError):
        raise error[1]
    os.chmod(os.path.dirname(path), 0o700)
    if os.path.isdir(path) and not os.path.islink(path):
        os.chmod(path, 0o700)
        remove(path)
    else:
        again(path)
