"""The one line for a build with nothing to do; it stands alone, because the shortcut imports little."""

from mlmake.model.units import show_seconds


def idle_line(targets: int, *, seconds: float, saved: float) -> str:
    """How many targets are up to date, how long it took to know, and what that saved; times in seconds."""
    count = f"{targets} target{'s' if targets != 1 else ''}"
    spared = f", saved {show_seconds(saved)}" if saved >= 0.05 else ""
    return f"up to date: nothing to do for {count} in {show_seconds(seconds)}{spared}"
