"""Which graphics cards there are to share, by their ids; it does not know how the machine's are counted."""

from collections.abc import Callable, Mapping

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The variable that says which cards a process may use; a step gets its own through it."""


def visible(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    """The ids that the caller's own environment leaves, read as CUDA reads them; None if it restricts nothing."""
    if VISIBLE not in environ:
        return None
    ids: list[str] = []
    for word in environ[VISIBLE].split(","):
        # What follows an id that does not exist is not seen either: `-1` hides all.
        device = word.strip()
        if not ((device.isascii() and device.isdigit()) or device.startswith(("GPU-", "MIG-"))):
            break
        ids.append(device)
    return tuple(dict.fromkeys(ids))


def devices(declared: int | None, environ: Mapping[str, str], count: Callable[[], int]) -> tuple[str, ...]:
    """The ids to hand out: what the environment leaves, at most as many as are declared; else 0, 1, 2…"""
    ids = visible(environ)
    if ids is not None:
        return ids[:declared]
    return tuple(str(number) for number in range(count() if declared is None else declared))
