"""How sources are now: what they hold, by the workspace's own digests; it does not know what is decided from it."""

from collections.abc import Sequence

from mlmake.model.digest import Digest, Version, digest_of
from mlmake.model.graph import Action
from mlmake.model.item import Leaf, Made, Part, PartGlob
from mlmake.model.observation import Observation
from mlmake.model.validity import Pattern, SourceItem
from mlmake.ports import Workspace


class LocalSources:
    """Asks about sources that are files of this machine."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def observe(self, action: Action, *, content: bool = False) -> Observation:
        """See `Sources.observe`."""
        source = action.policy.validity.source
        if source is None:
            return Observation()
        try:
            rows = [(path, self._workspace.look_again(path)) for item in source.items for path in self._paths(item)]
        except OSError as error:
            return Observation(error=f"the source cannot be read: {error.filename}: {error.strerror}")
        missing = [path for path, version in rows if not isinstance(version, str)]
        if missing or not rows:
            return Observation(error=f"the source {', '.join(missing) or 'matches nothing'} is not there")
        return Observation(content=_joined(rows))

    def cancel(self) -> None:
        """See `Sources.cancel`."""

    def _paths(self, item: SourceItem) -> Sequence[str]:
        match item:
            case Leaf(path) | Made(path, _) | Part(path, _):
                return (path,)
            case Pattern(pattern) | PartGlob(pattern, _):
                return self._workspace.listing(pattern)
            case _:
                return ()


def _joined(rows: Sequence[tuple[str, Version]]) -> Digest:
    return digest_of([str(part) for row in rows for part in row])
