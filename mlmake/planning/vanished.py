"""What instances that are no more have left: what is to be removed of it; it removes nothing."""

from collections.abc import Container
from dataclasses import dataclass

from mlmake.model.digest import MISSING
from mlmake.model.former import Former, vanished
from mlmake.model.graph import Graph
from mlmake.model.snapshot import Snapshot
from mlmake.model.trace import Trace
from mlmake.planning.request import owner_of


@dataclass(frozen=True, slots=True)
class Farewell:
    """Paths to remove, and those that need no longer be known as left behind: gone, or somebody else's now."""

    removed: tuple[str, ...]
    forgotten: tuple[str, ...]


def farewell(former: Former, graph: Graph, *, snapshot: Snapshot, targets: Container[str] | None = None) -> Farewell:
    """What to do with all that was left behind; of `targets` only, if given.

    An output leaves the disk only as its maker left it, and only if the store can give it back.
    """
    removed, forgotten = [], []
    for path, instance in vanished(former, graph.targets, graph.actions).items():
        if targets is not None and instance.partition("@")[0] not in targets:
            continue
        if owner_of(graph, path) is not None or _is_gone(path, snapshot):
            forgotten.append(path)
        elif _is_spare(path, snapshot.memory.latest(instance), snapshot):
            removed.append(path)
    return Farewell(tuple(removed), tuple(forgotten))


def _is_gone(path: str, snapshot: Snapshot) -> bool:
    try:
        return snapshot.version(path) is MISSING
    except OSError:
        # What cannot be looked at stays where it is.
        return False


def _is_spare(path: str, last: Trace | None, snapshot: Snapshot) -> bool:
    """Whether the disk holds what the last result left here, and the store has it."""
    product = next((p for p in last.outputs if p.path == path), None) if last else None
    try:
        return product is not None and snapshot.version(path) == product.digest and snapshot.stored(product)
    except OSError:
        return False
