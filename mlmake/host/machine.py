"""What this machine has: usable CPUs, memory, graphics cards, a user; it does not know what uses them."""

import glob
import os
import pwd
import shutil

from mlmake.model.graph import Resources
from mlmake.model.units import Bytes

_DRIVER = "/proc/driver/nvidia/gpus"
_NODES = "/dev/nvidia[0-9]*"

# A driver in trouble lets `nvidia-smi` hang; seconds.
_LONGEST = 20.0


def totals() -> Resources:
    """The resources of this machine, as far as this process may use them; `gpus` are counted apart."""
    return Resources(cpus=usable_cpus(), memory=Bytes(_memory()))


def usable_cpus() -> int:
    """How many CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def count_gpus() -> int:
    """How many graphics cards there are, by the driver's own lists, else by asking `nvidia-smi`."""
    try:
        return len(os.listdir(_DRIVER))
    except OSError:  # no such driver, or one that shows itself only in other ways
        pass
    if nodes := glob.glob(_NODES):
        return len(nodes)
    program = shutil.which("nvidia-smi")
    return _ask(program) if program else 0


def _ask(program: str) -> int:
    import subprocess  # noqa: PLC0415 - slow, and only where nothing else tells

    try:
        said = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=_LONGEST, check=False)
    except (OSError, subprocess.TimeoutExpired):  # who cannot say has none that could be used
        return 0
    return sum(line.startswith("GPU ") for line in said.stdout.splitlines())


def user() -> str:
    """Who runs this, by the name of the account; its number if it has no name here."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
