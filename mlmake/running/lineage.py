"""Finds the results that artifacts on the disk are, and all that these go back to; it does not show them."""

from collections.abc import Sequence

from mlmake.history.lineage import Artifact, Inside, Lineage, follow, standing
from mlmake.mlfile.sources import covers
from mlmake.model.digest import Digest
from mlmake.model.graph import Graph, Leaf
from mlmake.model.trace import Trace
from mlmake.planning.request import Wrong, joined, matches, owner_of, with_commands
from mlmake.ports import Archive, Workspace


def find_lineage(
    graph: Graph, words: Sequence[str], *, folder: str, workspace: Workspace, archive: Archive, inside: Inside
) -> Lineage | Wrong:
    """What these words stand for, and what it was made from. `folder` is the caller's, relative to the root.

    Raises OSError for what cannot be read.
    """
    artifacts: list[Artifact] = []
    wrong: list[str] = []
    for word in words:
        path, actions = joined(folder, word), matches(graph, word, folder)
        # A file is asked about by its bytes, and by whoever makes it only if there is none.
        file = None if _is_name(graph, word) else _by_bytes(path, graph, workspace, archive)
        if file is not None:
            artifacts.append(file)
        elif actions is not None:
            artifacts += (_by_name(name, graph, workspace, archive) for name in with_commands(graph, actions))
        else:
            wrong.append(f"{word}: no target, instance or output, and no file or folder that is there")
    if wrong:
        return Wrong("\n".join(wrong))
    roots = [artifact.trace for artifact in artifacts if artifact.trace is not None]
    return Lineage(tuple(artifacts), follow(roots, making=archive.making, filling=archive.filling, inside=inside))


def _is_name(graph: Graph, word: str) -> bool:
    """Whether a word can only mean targets: what has an "@" or a "*" is no path unless nothing else fits."""
    if word in graph.targets or word in graph.actions:
        return True
    return owner_of(graph, word) is None and matches(graph, word) is not None


def _by_bytes(path: str, graph: Graph, workspace: Workspace, archive: Archive) -> Artifact | None:
    """What lies at a path, as a file or a folder; none if nothing does."""
    for place in (path, path.rstrip("/") + "/"):
        digest = workspace.version(place)
        if isinstance(digest, str):
            break
    else:
        return None
    present = ((place, digest),)
    found = archive.making([digest])
    here = [trace for trace in found if any((p.path, p.digest) == (place, digest) for p in trace.outputs)]
    owner = owner_of(graph, place)
    latest = None if owner is None else archive.latest(owner)
    if here:
        is_latest = latest is not None and any(trace.order == latest.order for trace in here)
        return Artifact(place, present, latest if is_latest else here[-1])
    if owner is None and _is_source(graph, place):
        # Before all copies of it: what only copies a source makes no source.
        return Artifact(place, present, note="a source: no target makes it", source=True)
    if found:
        return _copy(place, digest, found)
    if owner is not None and place not in graph.owners:
        # Inside a folder that a target makes: it stands and falls with it.
        return _by_name(owner, graph, workspace, archive)
    if owner is not None and latest is not None:
        return Artifact(place, present, note=f"no remembered result has these bytes: {owner} made others, last in run"
                        f" {latest.run}")  # fmt: skip
    return Artifact(place, present, note="no remembered result has these bytes")


def _copy(place: str, digest: Digest, found: Sequence[Trace]) -> Artifact:
    """A file or folder with the bytes of outputs: of one of its own name if there is one, else of the first made."""
    makers: dict[str, Trace] = {}
    for trace in found:
        makers.update({product.path: trace for product in trace.outputs if product.digest == digest})
    name = place.rstrip("/").rpartition("/")[2]
    same = next((path for path in makers if path.rstrip("/").rpartition("/")[2] == name), next(iter(makers)))
    others = [path for path in makers if path != same]
    beside = f", and as {', '.join(others)}" if others else ""
    return Artifact(place, ((place, digest),), makers[same], f"it has the same bytes as {same} had{beside}")


def _by_name(name: str, graph: Graph, workspace: Workspace, archive: Archive) -> Artifact:
    """The result of an action that is on the disk, else its last one."""
    outputs = [output.path for output in graph.actions[name].outputs]
    versions = [(path, workspace.version(path)) for path in outputs]
    present = {path: version for path, version in versions if isinstance(version, str)}
    latest = archive.latest(name)
    found = standing(archive.making(set(present.values())) if present else (), present, latest)
    if found is not None or latest is None:
        note = "" if found is not None else "it has never been built here"
        return Artifact(name, tuple(present.items()), found, note)
    if not outputs:
        return Artifact(name, (), latest)
    missing = [path for path in outputs if path not in present]
    altered = [p.path for p in latest.outputs if p.path in present and present[p.path] != p.digest]
    what = f"{', '.join(missing)} not there" if missing else f"{', '.join(altered)} altered"
    return Artifact(name, tuple(present.items()), latest, f"{what}: this is its last result")


def _is_source(graph: Graph, path: str) -> bool:
    """Whether targets read this, and none makes it."""
    for action in graph.actions.values():
        items = (item for declared in action.inputs for item in declared.items if isinstance(item, Leaf))
        if any(path == item.path or (item.path.endswith("/") and path.startswith(item.path)) for item in items):
            return True
        if (source := action.policy.validity.source) is not None and covers(source, path):
            return True
    return False
