"""What a collection removed, a store holds or hashing found, as lines and as documents; it collects nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlmake.model.units import show_bytes, show_seconds
from mlmake.planning.retention import Policy, Why

AGES = (
    (1, "in the last hour"),
    (24, "in the last day"),
    (7 * 24, "in the last week"),
    (30 * 24, "in the last 30 days"),
)
"""Hours, and how a last hit within them is told."""

OLDER = "longer ago"


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 result`, `3 results`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def group_line(why: Why, results: int, size: int, *, oldest: float | None, policy: Policy, runs: int | None) -> str:
    """Results that go for one reason; `oldest` is the age of the oldest last hit in seconds."""
    last = "" if oldest is None else f", last used up to {show_seconds(oldest)} ago"
    match why:
        case Why.UNUSED:
            reason = f"not used for {show_seconds(policy.unused_for or 0.0)}"
        case Why.OLD_RUN:
            reason = f"of none of the last {count(runs or 0, 'run')}"
        case Why.SIZE:
            reason = f"oldest first, because the store is larger than {show_bytes(policy.max_size or 0)}"
    return f"{count(results, 'result')} {reason}{last}: {show_bytes(size)}"


def by_age(ages: Mapping[int, int]) -> dict[str, int]:
    """Results by how long ago their last hit was; `ages` counts them by hours."""
    found = {text: 0 for _, text in AGES} | {OLDER: 0}
    for hours, number in ages.items():
        found[next((text for most, text in AGES if hours < most), OLDER)] += number
    return found


def gc_document(
    groups: Sequence[Mapping[str, Any]], *, dry: bool, figures: Mapping[str, int], projects: Sequence[str]
) -> dict[str, Any]:
    """A collection for programs."""
    document: dict[str, Any] = {"schema": "mlmake.gc/1", "dry_run": dry, "groups": list(groups)}
    return document | dict(figures) | {"projects": list(projects)}
