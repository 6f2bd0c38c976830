"""What this machine has: usable CPUs, memory, graphics cards; it does not know who uses them."""

import glob
import os

from mlmake.model.graph import Resources
from mlmake.model.units import Bytes


def totals() -> Resources:
    """The resources of this machine, as far as this process may use them."""
    return Resources(cpus=usable_cpus(), memory=Bytes(_memory()), gpus=len(glob.glob("/dev/nvidia[0-9]*")))


def usable_cpus() -> int:
    """How many CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
