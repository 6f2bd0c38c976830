"""What came of a step that was run twice, as lines and as an event; it does not know how it was run."""

from mlmake.history.twice import Checked
from mlmake.model.units import show_seconds
from mlmake.views.jsonl import Json
from mlmake.views.rows import Row, aligned
from mlmake.views.screen import Screen, printable

SAME, DIFFERS, FAILED = ("✓", "+", "good"), ("≠", "!", "bad"), ("✗", "!", "bad")


def twice_lines(checked: Checked, screen: Screen) -> list[str]:
    """A line for a step; what differs has one each, and where to look at it; a failed run the end of its log."""
    took = " and ".join(show_seconds(seconds) for seconds in checked.seconds)
    name = checked.action
    if checked.trouble is not None:
        lines = aligned([Row(FAILED, "failed", name, "", checked.trouble)], screen)
        return lines + [f"  | {printable(line)}" for line in checked.log]
    if checked.same:
        text = f"twice the same in {took}: {', '.join(output.path for output in checked.outputs)}"
        return aligned([Row(SAME, "same", name, "", text)], screen)
    found = [output for output in checked.outputs if output.difference is not None]
    lines = aligned([Row(DIFFERS, "differs", name, "", f"{o.path} differs {o.difference}") for o in found], screen)
    return [*lines, f"  what the two runs left is in {printable(checked.kept)}: first/ and second/"]


def twice_fields(checked: Checked, *, time: float) -> dict[str, Json]:
    """The event `determinism-checked` of `build --json`; `time` in seconds since the epoch."""
    return {
        "event": "determinism-checked",
        "time": time,
        "target": checked.action.partition("@")[0],
        "instance": checked.action,
        "deterministic": None if checked.trouble is not None else checked.same,
        "outputs": [
            {"path": output.path, "same": output.difference is None, "difference": output.difference}
            for output in checked.outputs
        ],
        "seconds": list(checked.seconds),
        "kept": checked.kept or None,
        "detail": checked.trouble,
    }
