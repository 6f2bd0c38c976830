"""From records to what is to be served; it does not know who serves it, or how."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mlmake.model.digest import MISSING, Digest
from mlmake.model.graph import Serve
from mlmake.model.release import Release, ReleasedFile, ReleasedModel
from mlmake.model.trace import Product, Trace
from mlmake.ports import Archive, ContentStore, Workspace


class Releases:
    """Finds the last good release of a serve, by the records: what a build is making at present is not in it."""

    def __init__(
        self, archive: Archive, store: ContentStore, workspace: Workspace, *, root: str, building: bool
    ) -> None:
        """While somebody is `building`, files may be aside or newer than their records, and the store is asked."""
        self._archive, self._store, self._workspace = archive, store, workspace
        self._root, self._building = root, building

    def find(self, serve: Serve) -> Release | None:
        """What is to be served under this name now; None as long as nothing is there."""
        found = self._chosen(serve) if serve.selected_by is not None else self._all(serve)
        models = tuple(found)
        return Release(serve.name, models, serve.manner, chosen=serve.selected_by is not None) if models else None

    def _all(self, serve: Serve) -> Iterator[ReleasedModel]:
        """All that have a result, in the order of the Mlfile."""
        rank = 0
        for candidate in serve.candidates:
            trace = self._archive.latest(candidate.action)
            product = next((p for p in trace.outputs if p.path == candidate.path), None) if trace else None
            if trace is not None and product is not None:
                rank += 1
                yield self._model(candidate.action, product, trace, rank)

    def _chosen(self, serve: Serve) -> Iterator[ReleasedModel]:
        """Those in the manifest, best first."""
        paths = {candidate.action: candidate.path for candidate in serve.candidates}
        for entry in sorted(self._entries(serve), key=lambda entry: int(entry["rank"])):
            instance = entry["instance"]
            made = {output["path"]: Digest(output["digest"]) for output in entry["outputs"].values()}
            path = paths.get(instance)
            if path is None or path not in made:
                continue  # of an instance, or an output, that the Mlfile no longer has
            trace = self._maker(instance, path, made[path])
            product = _product(trace, path, made[path]) or Product(None, path, made[path], 0, None)
            yield self._model(instance, product, trace, int(entry["rank"]))

    def _entries(self, serve: Serve) -> list[Mapping[str, Any]]:
        assert serve.selected_by is not None, "only a selection has entries"
        trace = self._archive.latest(serve.selected_by)
        if trace is None:
            return []
        manifest = trace.outputs[0]
        content = self._store.content(manifest.object) if manifest.object is not None else None
        if content is None and self._workspace.look_again(manifest.path) == manifest.digest:
            content = self._workspace.read(manifest.path)
        return [] if content is None else list(json.loads(content)["selected"])

    def _maker(self, instance: str, path: str, digest: Digest) -> Trace | None:
        """The result that made what was chosen, which another one may have followed since."""
        latest = self._archive.latest(instance)
        if _product(latest, path, digest) is not None:
            return latest
        earlier = [trace for trace in self._archive.making([digest]) if trace.action == instance]
        return next((trace for trace in reversed(earlier) if _product(trace, path, digest)), None)

    def _model(self, instance: str, product: Product, trace: Trace | None, rank: int) -> ReleasedModel:
        model = self._file(product)
        outputs = {p.name or p.path: self._file(p) for p in trace.outputs} if trace is not None else {}
        return ReleasedModel(instance, model.path, model.digest, rank, model.object, outputs)

    def _file(self, product: Product) -> ReleasedFile:
        there = product.digest if self._building else self._workspace.look_again(product.path)
        # What somebody else has put there is not passed over in silence: only its own bytes will do.
        kept = product.object if there in (product.digest, MISSING) else None
        return ReleasedFile(f"{self._root}/{product.path}", product.digest, kept)


def _product(trace: Trace | None, path: str, digest: Digest) -> Product | None:
    outputs = trace.outputs if trace is not None else ()
    return next((product for product in outputs if product.path == path and product.digest == digest), None)
