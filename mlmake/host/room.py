"""How much room disks have left; it does not know what for."""

import os
from collections.abc import Sequence


def short_of(sizes: Sequence[tuple[str, int]]) -> tuple[str, int, int] | None:
    """The first place whose disk has not room for what is to be written there and elsewhere on it, if one has not.

    `sizes` are places (made or not) with bytes. Gives the place, the bytes for its disk, and those that are free.
    """
    wanted: dict[int, tuple[str, int]] = {}
    for place, size in sizes:
        while not os.path.lexists(place) and place != os.path.dirname(place):
            place = os.path.dirname(place)
        device = os.stat(place).st_dev
        first, before = wanted.get(device, (place, 0))
        wanted[device] = first, before + size
    for place, size in wanted.values():
        found = os.statvfs(place)
        free = found.f_bavail * found.f_frsize
        if size > free:
            return place, size, free
    return None
