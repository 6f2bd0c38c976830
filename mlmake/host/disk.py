"""What the file system under a folder can do and how full it is; it does not know what is kept there."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from mlmake.host.mounts import Mount, existing, mount_of
from mlmake.host.scratch import scratch_file, scratch_name
from mlmake.model.finding import Finding, note, ok, problem, warning
from mlmake.model.units import show_bytes

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "pvfs2"}
    | {"orangefs", "davfs", "9p", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.goofys", "fuse.mount-s3"}
    | {"fuse.glusterfs", "fuse.rclone", "fuse.juicefs", "fuse.ceph"}
)
"""Types of file systems whose files another machine can change, or that lie on one."""

LITTLE = 2**30
"""Bytes: less than this is soon full of models."""

NOTHING = 64 * 2**20

_FICLONE = 0x40049409
_NOT_SHARED = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.ENOSYS)
_MEND_WRITE = "look who owns it and what its mode is; {variable} may lead elsewhere"


def kind(check: str, folder: str, mounts: Sequence[Mount], *, holds_state: bool = False) -> Finding:
    """The type of file system that a folder is on, or would be."""
    mount = mount_of(existing(folder), mounts)
    if mount is None:
        return note(check, f"the file system of {folder} is unknown", why="this system does not tell its mounts")
    if mount.type not in NETWORK:
        return ok(check, f"{folder} is on {mount.type}")
    told = f"{folder} is on a network file system ({mount.type})"
    if holds_state:
        return problem(
            check,
            told,
            why="the state is a memory-mapped database: over a network it is damaged sooner or later",
            mend="MLMAKE_STATE_DIR=FOLDER on a local disk",
        )
    return warning(
        check,
        told,
        why="what others change there makes no event, and times and inodes may lie",
        mend="a copy on a local disk; else `mlmake build --rehash`",
    )


def room(check: str, folder: str) -> list[Finding]:
    """How much space, and how many files, are left under a folder."""
    found = os.statvfs(existing(folder))
    free = found.f_bavail * found.f_frsize
    told = f"{show_bytes(free)} free of {show_bytes(found.f_blocks * found.f_frsize)} for {folder}"
    why, mend = "a build ends where the disk is full", "make room, or move what is big (MLMAKE_CACHE_DIR)"
    findings = [_grade(f"{check}-space", told, free, (NOTHING, LITTLE), why, mend)]
    # File systems that make inodes as they need them tell of none.
    if found.f_files:
        told = f"{found.f_favail} of {found.f_files} inodes free for {folder}"
        why, mend = "without inodes the disk is full, whatever space is left", "remove many small files"
        findings.append(_grade(f"{check}-inodes", told, found.f_favail, (100, 10_000), why, mend))
    return findings


def writable(check: str, folder: str, *, variable: str) -> Finding:
    """Whether a file can be made in a folder, or the folder itself where it is not there yet."""
    place = existing(folder)
    name = folder if os.path.isdir(folder) else f"{folder} (not there yet)"
    try:
        with scratch_file(place) as target:
            os.write(target, b"doctor")
    except OSError as error:
        readonly = error.errno == errno.EROFS
        return problem(
            check,
            f"{name} cannot be written: {os.strerror(error.errno or errno.EIO)}",
            why="queries work, a build cannot record what it does",
            mend=f"{variable} may lead elsewhere" if readonly else _MEND_WRITE.format(variable=variable),
        )
    return ok(check, f"{name} can be written")


def same_device(places: Mapping[str, str]) -> Finding:
    """Whether folders (their names, their paths) are on one disk, so that files move between them by name alone."""
    devices: dict[int, list[str]] = {}
    for name, path in places.items():
        devices.setdefault(os.stat(existing(path)).st_dev, []).append(name)
    if len(devices) == 1:
        return ok("same-disk", f"{', '.join(places)} are on one disk")
    told = "; ".join(" and ".join(names) for names in devices.values())
    return note(
        "same-disk",
        f"on different disks: {told}",
        why="outputs are copied between them: no blocks can be shared and a move takes time",
        mend="MLMAKE_STATE_DIR, MLMAKE_CACHE_DIR, or `dir` under [cache]",
    )


def same_file(one: str, other: str) -> bool:
    """Whether two paths lead to one file, links not followed."""
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except OSError:
        return False


def case(folder: str, *, same: Callable[[str, str], bool] = same_file) -> Finding:
    """Whether a folder tells "a" from "A" in names; found by looking, nothing is written."""
    above, own = os.path.split(os.path.realpath(folder))
    for place, names in ((folder, sorted(os.listdir(folder))), (above, [own])):
        known = set(os.listdir(place))
        for name in names:
            other = name.swapcase()
            if other != name and other not in known:
                return _case(folder, same=same(os.path.join(place, name), os.path.join(place, other)))
    return note("letter-case", "no name to try it on", why="a file system may take `a` and `A` for one name")


def reflink(folder: str, *, wanted: bool = True) -> Finding:
    """Whether two files can share their blocks, tried for real in this folder, or the nearest that is there."""
    place = existing(folder)
    with scratch_file(place) as source, scratch_file(place) as target:
        os.write(source, b"x" * 4096)
        try:
            fcntl.ioctl(target, _FICLONE, source)
        except OSError as error:
            if error.errno not in _NOT_SHARED:
                raise
            told = "no reflinks here: outputs are copied"
            if not wanted:
                return ok("reflink", told)
            why = "restoring takes the time and the space of a copy"
            return note("reflink", told, why=why, mend="a disk with btrfs, XFS or bcachefs, where that is too slow")
    return ok("reflink", "reflinks work: outputs share their blocks with the store")


def hard_links(folder: str, *, wanted: bool = False) -> Finding:
    """Whether a file can have two names, tried for real; matters only where outputs are to be linked."""
    place = existing(folder)
    with scratch_name(place) as name:
        try:
            os.link(name, name + "-2")
        except OSError as error:
            told = f"no hard links here: {error.strerror}"
            if not wanted:
                return ok("hard-links", f"{told}; not used")
            why = "the Mlfile asks for them; outputs are copied instead"
            return warning("hard-links", told, why=why, mend='link = "reflink,copy" under [cache]')
        os.unlink(name + "-2")
    return ok("hard-links", "hard links work" if wanted else "hard links work; not used unless [cache] asks for them")


def folders_below(root: str, *, most: int, leave_out: Iterable[str] = (".git", ".mlmake", ".venv")) -> int:
    """How many folders there are from this one downward; `most` or a few more if there are more than that."""
    count, left_out = 0, set(leave_out)
    for _, folders, _ in os.walk(root):
        count += 1
        folders[:] = [folder for folder in folders if folder not in left_out]
        if count >= most:
            break
    return count


def _grade(check: str, told: str, free: int, limits: tuple[int, int], why: str, mend: str) -> Finding:
    nothing, little = limits
    if free >= little:
        return ok(check, told)
    return (problem if free < nothing else warning)(check, told, why=why, mend=mend)


def _case(folder: str, *, same: bool) -> Finding:
    if not same:
        return ok("letter-case", "names that differ in case are different files")
    return warning(
        "letter-case",
        f"{folder} does not tell `a` from `A` in names",
        why="two outputs whose paths differ in case only are one file",
        mend="names that differ in more than case; check matrix values that stand in paths",
    )
