"""What makers have recorded, for matrices that list it; it does not know what instances are made of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlmake.mlfile.handed import RecordedOutput
from mlmake.model.trace import Memory, Product
from mlmake.ports import ContentStore, Workspace


class Recorded:
    """The outputs of makers as their latest results have them, for each target that lists them.

    What was told once stays so until it is renewed: of two lists in one build each changes only when all of its makers
    are up to date.
    """

    def __init__(
        self, memory: Callable[[], Memory], workspace: Callable[[], Workspace], *, store: ContentStore
    ) -> None:
        """`memory` and `workspace` are opened when first needed: most projects list nothing."""
        self._memory, self._workspace, self._store = memory, workspace, store
        self._told: dict[str, dict[tuple[str, str], RecordedOutput | None]] = {}
        self._known: set[str] | None = None

    def __call__(self, target: str, maker: str, path: str) -> RecordedOutput | None:
        """What the latest result of a maker has at a path; none if there is no such result or it is not to be had."""
        if self._known is not None and target not in self._known:
            return None
        told = self._told.setdefault(target, {})
        if (maker, path) not in told:
            told[(maker, path)] = self._look(maker, path)
        return told[(maker, path)]

    def forget(self) -> None:
        """Tell nothing more, but what is renewed."""
        self._told, self._known = {}, set()

    @contextmanager
    def renewed(self, target: str) -> Iterator[None]:
        """Tell what there is now for the list of this target; after an exception, again what was told before."""
        before, known = self._told.pop(target, {}), self._known
        if known is not None:
            self._known = {*known, target}
        try:
            yield
        except BaseException:
            self._told[target], self._known = before, known
            raise

    def _look(self, maker: str, path: str) -> RecordedOutput | None:
        last = self._memory().latest(maker)
        product = next((p for p in last.outputs if p.path == path), None) if last else None
        if product is None:
            return None
        if not path.endswith("/"):
            return RecordedOutput(product.digest, (path,), lambda: self._content(product))
        files = self._store.files(product.object) if product.object is not None else None
        if files is not None:
            return RecordedOutput(product.digest, [path + file for file in files], lambda: None)
        try:
            if self._workspace().version(path) != product.digest:
                return None
            return RecordedOutput(product.digest, self._workspace().files(path), lambda: None)
        except OSError:
            # What cannot be looked at is not known; its maker will be judged and say why.
            return None

    def _content(self, product: Product) -> bytes | None:
        try:
            if self._workspace().version(product.path) == product.digest:
                return self._workspace().read(product.path)
        except OSError:
            pass  # it may be in the store
        return self._store.content(product.object) if product.object is not None else None
