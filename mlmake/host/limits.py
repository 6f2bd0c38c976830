"""What this machine allows a process: descriptors, processes, memory, CPUs; it does not know who will ask for them."""

import os
import resource
from collections.abc import Iterator

from mlmake.model.finding import Finding, ok, problem, warning
from mlmake.model.units import Bytes, show_bytes

FILES_A_STEP = 16
"""Descriptors of mlmake for each running step: its pipes, its log, what it is started with."""

FILES_ANYWAY = 64

PROCESSES_A_STEP = 8
"""A guess: a shell, a worker, and the threads of a numeric library count too."""

SHARED_MEMORY = 256 * 2**20
"""Bytes: data loaders pass batches through shared memory, and containers often have 64 MiB of it."""


def open_files(jobs: int) -> Finding:
    """Whether so many steps at once have descriptors enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES_ANYWAY + jobs * FILES_A_STEP
    told = f"{_count(soft)} open files allowed"
    if soft == resource.RLIM_INFINITY or soft >= 2 * needed:
        return ok("open-files", told)
    mend = f"ulimit -n {4 * needed}" if _at_most(4 * needed, hard) else "raise the hard limit, or lower -j"
    why = f"a build with -j {jobs} opens up to {needed}, and its steps have files of their own"
    return (problem if soft < needed else warning)("open-files", told, why=why, mend=mend)


def processes(jobs: int, *, used: int, root: bool, cgroup: str | None = None) -> Finding:
    """Whether so many steps at once can be started; `used` processes and threads of this user run now.

    `cgroup` is the folder of the control group that counts them.
    """
    told, room = "processes not limited", None
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    # The kernel does not hold root to this limit.
    if soft != resource.RLIM_INFINITY and not root:
        told, room = f"{soft} processes allowed, {used} in use", soft - used
    for folder in _upward(cgroup):
        most, now = _number(f"{folder}/pids.max"), _number(f"{folder}/pids.current")
        if most is not None and now is not None and (room is None or most - now < room):
            told, room = f"{most} processes allowed by the control group, {now} in use", most - now
    needed = jobs * PROCESSES_A_STEP + 16
    if room is None or room >= 2 * needed:
        return ok("processes", told)
    why = f"a build with -j {jobs} may start {needed}; one too many fails its step"
    mend = "raise `ulimit -u` or the container's limit of processes, or lower -j"
    return (problem if room < needed // 2 else warning)("processes", told, why=why, mend=mend)


def processes_of(user: int) -> int:
    """How many threads of this user run; 0 where that cannot be seen."""
    count = 0
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == user:
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            # It has ended since, or is not to be looked into.
            continue
    return count


def shared_memory(folder: str = "/dev/shm") -> Finding:
    """Whether processes can share memory, and how much."""
    try:
        found = os.statvfs(folder)
    except OSError as error:
        return warning(
            "shared-memory",
            f"{folder} cannot be used: {error.strerror}",
            why="steps that share memory between processes (multiprocessing, data loaders) fail",
            mend=f"mount a tmpfs at {folder}",
        )
    size, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    told = f"{show_bytes(free)} of {show_bytes(size)} shared memory free"
    if not os.access(folder, os.W_OK | os.X_OK):
        return warning(
            "shared-memory",
            f"{folder} cannot be written",
            why="steps that share memory between processes (multiprocessing, data loaders) fail",
            mend=f"chmod 1777 {folder}",
        )
    if free >= SHARED_MEMORY:
        return ok("shared-memory", told)
    return warning(
        "shared-memory",
        told,
        why="data loaders with worker processes end with a bus error when it is full",
        mend="mount -o remount,size=1G /dev/shm; of a container: --shm-size=1g",
    )


def memory(totals: Bytes, *, physical: int, cgroup: str | None) -> Finding:
    """Whether the memory that steps are given by the Mlfile's reckoning is what the kernel lets them have."""
    limit, name = physical, f"{show_bytes(physical)} of memory"
    for folder in _upward(cgroup):
        for file in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            allowed = _number(f"{folder}/{file}")
            if allowed is not None and allowed < limit:
                limit, name = allowed, f"{show_bytes(allowed)} of memory allowed by the control group"
    if totals <= limit:
        return ok("memory", name)
    return warning(
        "memory",
        f"{name}, and steps are scheduled for {show_bytes(totals)}",
        why="steps that together need more are killed (signal 9)",
        mend=f'[resources] memory = "{max(1, limit // 2**20)} MiB" in the Mlfile',
    )


def cpus(usable: int, *, cgroup: str | None) -> Finding:
    """Whether a control group grants fewer CPUs than a process may run on."""
    granted = float(usable)
    for folder in _upward(cgroup):
        granted = min(granted, *_quota(folder))
    told = f"{usable} CPU{'s' if usable != 1 else ''} usable"
    if granted >= usable - 0.01:
        return ok("cpus", told)
    wanted = max(1, int(granted))
    return warning(
        "cpus",
        f"{told}, {granted:.1f} granted by the control group",
        why=f"{usable} steps at once slow each other down and are throttled",
        mend=f"-j {wanted}, MLMAKE_JOBS={wanted}, or [resources] cpus = {wanted} in the Mlfile",
    )


def control_group(controller: str, *, groups: str = "/proc/self/cgroup", top: str = "/sys/fs/cgroup") -> str | None:
    """The folder of this process's control group for "memory", "pids" or "cpu"; None where there is none."""
    try:
        with open(groups, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return None
    own = next((path for _, names, path in lines if controller in names.split(",")), None)
    base = f"{top}/{controller}" if own is not None else top
    path = own if own is not None else next((path for number, _, path in lines if number == "0"), "/")
    # Inside a container the path may be the one outside.
    for place in (base + path.rstrip("/"), base):
        if os.path.isdir(place):
            return place
    return None


def watches(folders: int, *, limits: str = "/proc/sys") -> list[Finding]:
    """Whether so many folders can be watched, and by how many programs."""
    found = [_watches(folders, limits), _instances(limits)]
    return [finding for finding in found if finding]


def _watches(folders: int, limits: str) -> Finding | None:
    allowed = _least(limits, "max_user_watches", "max_inotify_watches")
    if allowed is None:
        return None
    told = f"{allowed} watches allowed, {folders} folder{'s' if folders != 1 else ''} in the project"
    if allowed >= 2 * folders and allowed >= 1024:
        return ok("inotify-watches", told)
    return warning(
        "inotify-watches",
        told,
        why="beyond the limit a part of the project is not watched, and editors want watches too",
        mend=f"sysctl fs.inotify.max_user_watches={max(65536, 4 * folders)}",
    )


def _instances(limits: str) -> Finding | None:
    allowed = _least(limits, "max_user_instances", "max_inotify_instances")
    if allowed is None:
        return None
    told = f"{allowed} inotify instances allowed"
    if allowed >= 64:
        return ok("inotify-instances", told)
    return warning(
        "inotify-instances",
        told,
        why="each program that watches takes one; without one changes are found by polling only",
        mend="sysctl fs.inotify.max_user_instances=512",
    )


def _least(limits: str, system: str, namespace: str) -> int | None:
    """The lower of the limit of the machine and the one of the user namespace."""
    found = (_number(f"{limits}/fs/inotify/{system}"), _number(f"{limits}/user/{namespace}"))
    return min((limit for limit in found if limit is not None), default=None)


def _quota(folder: str) -> Iterator[float]:
    """How many CPUs' worth of time a control group grants, if it limits that."""
    quota, period = _number(f"{folder}/cpu.cfs_quota_us"), _number(f"{folder}/cpu.cfs_period_us")
    try:
        with open(f"{folder}/cpu.max", encoding="ascii") as file:
            first, second = file.read().split()
        quota, period = (None if first == "max" else int(first)), int(second)
    except (OSError, ValueError):
        # The older layout, or no limit: both are told by the two numbers above.
        pass
    yield quota / period if quota and period and quota > 0 else float("inf")


def _upward(folder: str | None) -> Iterator[str]:
    """A control group and those around it, each of which limits it."""
    while folder is not None and os.path.isdir(folder):
        yield folder
        parent = os.path.dirname(folder)
        folder = parent if os.path.exists(os.path.join(parent, "cgroup.procs")) else None


def _number(path: str) -> int | None:
    """The number in a file; None if there is no such file, or it says "max"."""
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _count(limit: int) -> str:
    return "any number of" if limit == resource.RLIM_INFINITY else str(limit)


def _at_most(wanted: int, limit: int) -> bool:
    return limit == resource.RLIM_INFINITY or wanted <= limit
