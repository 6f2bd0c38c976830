"""What a step's Python processes executed, read back from what they wrote; it knows nothing of how they found it."""

import os


def read_loaded(path: str, root: str) -> dict[str, float]:
    """Files under the root that exist, as relative paths, each with the seconds since the epoch first seen."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return {}
    found: dict[str, float] = {}
    # A killed process may leave a last entry without its end.
    for entry in data.split(b"\0")[:-1]:
        seen, _, name = os.fsdecode(entry).partition(" ")
        try:
            moment = float(seen)
        except ValueError:
            continue
        if name not in found or moment < found[name]:
            found[name] = moment
    return {name: moment for name, moment in sorted(found.items()) if os.path.isfile(os.path.join(root, name))}
