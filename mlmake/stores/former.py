"""Which paths the instances of a fan-out have made, in a plain file beside the state; it does not know which still do.

The file spares no work and decides no judgement of a target: without it, what instances that are no more have left is
taken for files of the project.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress

_NAME = "instances.json"


def read_former(folder: str) -> dict[str, str]:
    """The instance that made each path; empty if nothing is noted or it cannot be read."""
    try:
        with open(os.path.join(folder, _NAME), encoding="ascii") as file:
            noted = json.load(file)
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) and all(isinstance(maker, str) for maker in noted.values()) else {}


def write_former(folder: str, noted: Mapping[str, str]) -> None:
    """Note this in place of what was noted. Where that is not possible (full, read-only) nothing happens."""
    fresh = os.path.join(folder, f"{_NAME}.{os.getpid()}")
    try:
        with open(fresh, "w", encoding="ascii") as file:
            json.dump(noted, file, indent=0)
        os.replace(fresh, os.path.join(folder, _NAME))
    except OSError:
        with suppress(OSError):
            os.unlink(fresh)
