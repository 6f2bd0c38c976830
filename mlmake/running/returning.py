"""Puts results of the past back where they were, each whole or not at all; it records nothing and judges nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from mlmake.history.returning import Item, Way
from mlmake.model.digest import MISSING, Digest, Version
from mlmake.planning.request import LISTED, Wrong, joined, nearest, pairs
from mlmake.ports import Archive, ContentStore, DamagedObject, OutsideProject, Workspace

_OTHER = Digest("")
"""What is at a path but cannot be read; no result has it."""


def select(items: Sequence[Item], words: Sequence[str], *, folder: str) -> list[Item] | Wrong:
    """Those that words stand for, all without words; `folder` is the caller's, relative to the root."""
    if not words:
        return list(items)
    found: dict[str, Item] = {}
    wrong = []
    for word in words:
        chosen = [item for item in items if _means(word, item, joined(folder, word))]
        if not chosen:
            wrong.append(_complaint(word, items))
        found.update((item.action, item) for item in chosen)
    return Wrong("\n".join(wrong)) if wrong else list(found.values())


def _means(word: str, item: Item, path: str) -> bool:
    target, _, own = item.action.partition("@")
    name, at, selector = word.partition("@")
    if word in (item.action, target):
        return True
    if at and name == target and selector and pairs(selector).items() <= pairs(own).items():
        return True
    if any(c in word for c in "*?[") and fnmatchcase(item.action if at else target, word):
        return True
    outputs = [product.path for product in item.trace.outputs] if item.trace else []
    return any(path in (o, o.rstrip("/")) or (o.endswith("/") and path.startswith(o)) for o in outputs)


def _complaint(word: str, items: Iterable[Item]) -> str:
    targets = list(dict.fromkeys(item.action.partition("@")[0] for item in items))
    meant = nearest(word, [*targets, *(item.action for item in items)])
    if meant:
        return f'it has no target, instance or output "{word}"; did you mean `{meant}`?'
    listed = ", ".join(targets[:LISTED]) + (", …" if len(targets) > LISTED else "")
    return f'it has no target, instance or output "{word}"; there is {listed or "nothing in it"}'


def put_back(
    items: Sequence[Item], *, workspace: Workspace, store: ContentStore, archive: Archive, job: str, dry: bool
) -> list[Item]:
    """Put the outputs of these results in place, where they differ; `job` names what is moved aside for it.

    What is in the way and is no recorded result is kept for good. Dry, it only looks.
    """
    found: dict[str, Version] = {}
    for item in items:
        for product in item.trace.outputs if item.trace else ():
            found[product.path] = _present(product.path, workspace)
    digests = {version for version in found.values() if isinstance(version, str)}
    recorded = {(product.path, product.digest) for trace in archive.making(digests) for product in trace.outputs}
    done = []
    for number, item in enumerate(items):
        looked = _look(item, found, store)
        if looked.way is Way.RESTORED and not dry:
            known = {path: v for path, v in found.items() if isinstance(v, str) and (path, v) in recorded}
            looked = _put(looked, known, workspace, store, f"{job}-{number:05d}")
        done.append(looked)
    return done


def _look(item: Item, found: dict[str, Version], store: ContentStore) -> Item:
    """What has to be done for this item, or why that cannot be."""
    if item.trace is None:
        return item
    changed = tuple(product for product in item.trace.outputs if found[product.path] != product.digest)
    if not changed:
        return item
    lost = [product.path for product in changed if product.object is None or not store.has(product.object)]
    if lost:
        detail = f"the store no longer has {', '.join(lost)}, made in run {item.trace.run}: nothing of it is put back"
        return replace(item, way=Way.LOST, detail=detail)
    return replace(item, way=Way.RESTORED, changed=changed)


def _put(item: Item, known: dict[str, Digest], workspace: Workspace, store: ContentStore, job: str) -> Item:
    """Do it, whole; `known` are the digests of what is in the way and may be dropped, because a result has it."""
    try:
        workspace.clear(job, [product.path for product in item.changed], ())
        workspace.restore(item.changed, store)
        # What a result has is as good as what takes its place: it can be had again.
        kept = workspace.spare(job, [replace(p, digest=known.get(p.path, p.digest)) for p in item.changed])
    except (OSError, OutsideProject, DamagedObject) as error:
        workspace.put_back(job)
        return replace(item, way=_way(error), changed=(), detail=f"{_said(error)}: nothing of it is put back")
    except BaseException:
        workspace.put_back(job)
        raise
    workspace.settle(job)
    workspace.forget(product.path for product in item.changed)
    return replace(item, kept=tuple(kept))


def _way(error: Exception) -> Way:
    return Way.LOST if isinstance(error, DamagedObject) else Way.FAILED


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _present(path: str, workspace: Workspace) -> Version:
    """What is at a path: also something at which a file is wanted and a folder is, or that cannot be read."""
    try:
        version = workspace.look_again(path)
        if version is MISSING:
            other = path.rstrip("/") if path.endswith("/") else path + "/"
            return _OTHER if workspace.look_again(other) is not MISSING else MISSING
    except OSError:
        return _OTHER
    return version
