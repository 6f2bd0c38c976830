"""Numbers counted in files, remembered by their stamps; it does not know what is counted."""

import os
import stat
import threading
from collections.abc import Callable, Mapping

from mlmake.host.files import trusted
from mlmake.host.hashing import not_regular, stamp_of
from mlmake.ports import Clock, Counted, StampStore


class FileCounts:
    """Counts in files, each again only if it has changed. Any thread may ask; `flush` belongs to the owner."""

    def __init__(self, stamps: StampStore, *, clock: Clock, rehash: bool = False) -> None:
        self._stamps, self._clock, self._rehash = stamps, clock, rehash
        self._lock = threading.Lock()
        self._new: dict[str, dict[str, Counted]] = {}

    def of(self, measure: str, files: Mapping[str, str], count: Callable[[str, str], int]) -> int:
        """The sum over files (absolute paths by graph path); `count` counts in one. Raises OSError."""
        known = {} if self._rehash else {**self._stamps.numbers(measure, files), **self._remembered(measure)}
        return sum(self._one(measure, path, place, known.get(path), count) for path, place in files.items())

    def sizes(self, files: Mapping[str, str]) -> int:
        """The bytes of all these files. Raises OSError."""
        return sum(os.stat(place).st_size for place in files.values())

    def flush(self) -> None:
        """Remember what was counted since the last time."""
        with self._lock:
            new, self._new = self._new, {}
        for measure, counts in new.items():
            self._stamps.put_numbers(measure, counts)

    def _remembered(self, measure: str) -> dict[str, Counted]:
        with self._lock:
            return dict(self._new.get(measure, {}))

    def _one(self, measure: str, path: str, place: str, known: Counted | None, count: Callable[[str, str], int]) -> int:
        status = os.stat(place)
        if not stat.S_ISREG(status.st_mode):
            raise not_regular(place)
        if known is not None and trusted(known.stamp, status, looked_ns=known.counted_ns):
            return known.count
        began = int(self._clock.now() * 1e9)
        number = count(path, place)
        if stamp_of(os.stat(place)) == stamp_of(status):
            with self._lock:
                self._new.setdefault(measure, {})[path] = Counted(stamp_of(status), number, began)
        return number
