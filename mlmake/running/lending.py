"""A step's own view of results that are made anew meanwhile: copies from the store; it does not know who reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mlmake.model.digest import Version
from mlmake.model.job import Ended, How
from mlmake.model.trace import Trace
from mlmake.planning.evidence import Bound
from mlmake.ports import ContentStore, DamagedObject, OutsideProject, Workspace


class Lent:
    """The outputs of some results, lent to one job at paths of its own. Without results it changes nothing."""

    def __init__(self, workspace: Workspace, job: str, results: Mapping[str, Trace]) -> None:
        self._workspace, self._job = workspace, job
        self._products = [product for result in results.values() for product in result.outputs]
        self._paths = {product.path: workspace.lent(job, product.path) for product in self._products}

    def bound(self, bound: Sequence[Bound]) -> Sequence[Bound]:
        """The inputs at the paths where the step will find them."""
        if not self._paths:
            return bound
        return [replace(b, paths=tuple(self._paths.get(path, path) for path in b.paths)) for b in bound]

    def own(self, inputs: Sequence[tuple[str, Version]]) -> Sequence[tuple[str, Version]]:
        """The inputs that are not lent, which have to hold still."""
        return [(path, version) for path, version in inputs if path not in self._paths] if self._paths else inputs

    def around(self, execute: Callable[[], Ended], store: ContentStore) -> Callable[[], Ended]:
        """Lend before the step runs, and take back after it."""
        if not self._paths:
            return execute

        def lending() -> Ended:
            try:
                self._workspace.lend(self._job, self._products, store)
            except (DamagedObject, OutsideProject, OSError) as error:
                self._workspace.take_back(self._job)
                return Ended(How.NOT_STARTED, None, 0.0, detail=f"an earlier result cannot be lent to it: {error}")
            try:
                return execute()
            finally:
                self._workspace.take_back(self._job)

        return lending
