"""A private copy of the project in which a step can run without anybody seeing it; it does not know which step."""

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress

COPIED = 4 * 1024 * 1024
"""Bytes up to which a file is copied where its blocks cannot be shared; a link leads to a larger one."""

_FICLONE = 0x40049409


def make_view(root: str, view: str, *, outputs: Collection[str], hidden: Collection[str]) -> None:
    """Fill the new folder `view` with what is in the project `root`, but for these outputs (paths in the graph).

    Folders are new ones, so that nothing a step adds is seen from outside. Small files are copied and others share
    their blocks; where that is impossible a link leads to the original. A virtual environment and the folder of git
    are links as a whole. `hidden` are absolute paths to leave out. Raises OSError.
    """
    os.makedirs(view)
    _fill(root, view, "", _Plan(root, view, {path.rstrip("/") for path in outputs}, set(hidden)))
    for output in outputs:
        os.makedirs(os.path.dirname(os.path.join(view, output.rstrip("/"))), exist_ok=True)


class _Plan:
    """What is the same for the whole copy."""

    def __init__(self, root: str, view: str, outputs: set[str], hidden: set[str]) -> None:
        self.root, self.view, self.outputs, self.hidden = root, view, outputs, hidden


def _fill(here: str, there: str, prefix: str, plan: _Plan) -> None:
    for entry in _scan(here):
        path, target = prefix + entry.name, f"{there}/{entry.name}"
        if path in plan.outputs or entry.path in plan.hidden or entry.name == "__pycache__":
            continue
        if entry.is_symlink():
            os.symlink(_led(entry.path, plan), target)
        elif entry.is_dir():
            if entry.name == ".git" or os.path.exists(f"{entry.path}/pyvenv.cfg"):
                os.symlink(entry.path, target)
            else:
                os.mkdir(target)
                _fill(entry.path, target, path + "/", plan)
        elif entry.is_file():
            _copy(entry.path, target, entry.stat())


def _scan(folder: str) -> Iterator["os.DirEntry[str]"]:
    with os.scandir(folder) as found:
        yield from found


def _led(link: str, plan: _Plan) -> str:
    """Where a link has to lead from the copy: what lies in the project is the copy's, all else what it was."""
    text = os.readlink(link)
    place = os.path.normpath(os.path.join(os.path.dirname(link), text))
    if place == plan.root or place.startswith(plan.root + "/"):
        return plan.view + place[len(plan.root) :]
    return place


def _copy(source: str, target: str, status: os.stat_result) -> None:
    try:
        if status.st_size <= COPIED or not _share(source, target):
            if status.st_size > COPIED:
                os.symlink(source, target)
                return
            shutil.copyfile(source, target)
    except PermissionError:
        # Whoever may not read it will be told so when it is read.
        with suppress(FileNotFoundError):
            os.unlink(target)
        os.symlink(source, target)
        return
    os.chmod(target, stat.S_IMODE(status.st_mode) | stat.S_IWUSR)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _share(source: str, target: str) -> bool:
    """Whether the file could be made of the same blocks."""
    with open(source, "rb") as old:
        try:
            with open(target, "xb") as new:
                fcntl.ioctl(new, _FICLONE, old.fileno())
        except OSError as error:
            with suppress(FileNotFoundError):
                os.unlink(target)
            if error.errno in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.ENOSYS):
                return False
            raise
    return True
