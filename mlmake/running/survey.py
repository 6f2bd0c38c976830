"""One look at the world through the ports; it does not know what is judged by it."""

from mlmake.model.graph import Action
from mlmake.model.observation import Observation
from mlmake.model.snapshot import Snapshot
from mlmake.model.trace import Memory
from mlmake.ports import Clock, ContentStore, Installed, Sources, Workspace


def survey(
    clock: Clock, workspace: Workspace, *, traces: Memory, store: ContentStore, installed: Installed, sources: Sources
) -> Snapshot:
    """The world now: the clock is read once, what lies on the disk and what validators say when it is asked for."""
    said: dict[tuple[str, bool], Observation] = {}

    def observe(action: Action, content: bool) -> Observation:
        key = action.id, content
        if key not in said:
            said[key] = sources.observe(action, content=content)
        return said[key]

    return Snapshot(
        now=clock.now(),
        version=workspace.version,
        listing=workspace.listing,
        read=workspace.read,
        memory=traces,
        stored=lambda product: product.object is not None and store.has(product.object),
        installed=installed.now,
        observe=observe,
    )
