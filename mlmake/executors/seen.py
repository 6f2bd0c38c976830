"""What a step's Python processes executed, opened and imported, read back from what they wrote; it judges nothing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlmake.model.job import Imported


@dataclass(frozen=True, slots=True)
class Seen:
    """Paths relative to the root, each with the seconds since the epoch first seen; see `Ended`."""

    loaded: Mapping[str, float] = field(default_factory=dict)
    read: Mapping[str, float] = field(default_factory=dict)
    written: Mapping[str, float] = field(default_factory=dict)
    imported: tuple[Imported, ...] = ()


def read_seen(path: str, root: str, *, imports: bool) -> Seen:
    """What `executors/inside/tracking.py` has noted; without `imports` what was executed counts as nothing at all."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return Seen()
    found: dict[str, dict[str, float]] = {"x": {}, "r": {}, "w": {}, "p": {}}
    # A killed process may leave a last entry without its end.
    for entry in data.split(b"\0")[:-1]:
        first, _, name = os.fsdecode(entry).partition(" ")
        try:
            moment = float(first[1:])
        except ValueError:
            continue
        for kind in "rw" if first[0] == "u" else first[0]:
            moments = found.setdefault(kind, {})
            moments[name] = min(moment, moments.get(name, moment))

    def there(name: str) -> bool:
        return os.path.isfile(os.path.join(root, name))

    executed, read = found["x"], found["r"]
    return Seen(
        loaded={name: moment for name, moment in sorted(executed.items()) if there(name)} if imports else {},
        # A folder is opened too, to be listed or removed.
        read={n: m for n, m in sorted(read.items()) if n not in executed and not os.path.isdir(os.path.join(root, n))},
        written=found["w"],
        imported=tuple(Imported(*name.split("\n")) for name in sorted(found["p"]) if name.count("\n") == 2),
    )
