"""One look at the world through the ports; it does not know what is judged by it."""

from mlmake.model.snapshot import Snapshot
from mlmake.model.trace import Memory
from mlmake.ports import Clock, ContentStore, Installed, Workspace


def survey(
    clock: Clock, workspace: Workspace, *, traces: Memory, store: ContentStore, installed: Installed
) -> Snapshot:
    """The world now: the clock is read once, what lies on the disk when it is asked for."""
    return Snapshot(
        now=clock.now(),
        version=workspace.version,
        listing=workspace.listing,
        read=workspace.read,
        memory=traces,
        stored=lambda product: product.object is not None and store.has(product.object),
        installed=installed.now,
    )
