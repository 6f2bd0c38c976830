"""What results were made from, followed upstream by digests alone; it knows neither the present Mlfile nor the disk."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mlmake.model.digest import Digest
from mlmake.model.trace import Product, Trace

Seek = Callable[[Collection[Digest]], Sequence[Trace]]
"""All results with an output that has one of these digests."""

Fill = Callable[[Collection[str]], Sequence[Trace]]
"""All results with one of these folders as an output."""

Inside = Callable[[Product, str], Digest | None]
"""The digest of a file in a folder output, by its path inside: empty if it has no such file, none if nobody knows."""


class Part(StrEnum):
    """As what a result has taken something in."""

    INPUT = "input"
    DATA = "data"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A file or folder as it was read. `maker` is the order of the result that made it, none of a source.

    `certain` is false where a folder's bytes are gone and only its name and the time speak for its maker.
    """

    path: str
    digest: Digest
    part: Part
    maker: int | None = None
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    """A result with all that it was made from."""

    trace: Trace
    ingredients: tuple[Ingredient, ...]


@dataclass(frozen=True, slots=True)
class Artifact:
    """What was asked about: its name, what is at its paths now, and the result that this is.

    `trace` is none of what no remembered result has made. `note` says what should be known of that.
    """

    name: str
    present: tuple[tuple[str, Digest], ...]
    trace: Trace | None = None
    note: str = ""
    source: bool = False


@dataclass(frozen=True, slots=True)
class Lineage:
    """Artifacts, and by order of recording the results that they go back to."""

    artifacts: tuple[Artifact, ...]
    links: dict[int, Link]


def ingredients(trace: Trace) -> list[Ingredient]:
    """What a result was made from, nobody asked who made that."""
    read = frozenset(trace.read)
    found = [Ingredient(path, digest, Part.INPUT) for path, digest in trace.inputs]
    return found + [
        Ingredient(path, digest, Part.DATA if path in read else Part.CODE) for path, digest in trace.discovered
    ]


def follow(roots: Iterable[Trace], *, making: Seek, filling: Fill, inside: Inside) -> dict[int, Link]:
    """All results that these go back to, themselves among them, by order of recording.

    Of several results that left the same bytes at a path, the newest recorded before the one that read them counts.
    """
    links: dict[int, Link] = {}
    level = {trace.order: trace for trace in roots}
    while level:
        parts = {order: ingredients(trace) for order, trace in level.items()}
        makers = _Makers(making({part.digest for found in parts.values() for part in found}), inside)
        unmade = {part.path for order, found in parts.items() for part in found if makers.of(part, order) is None}
        if folders := {folder for path in unmade for folder in _around(path)}:
            makers.add_folders(filling(folders))
        above: dict[int, Trace] = {}
        for order, trace in level.items():
            made = []
            for part in parts[order]:
                maker, certain = makers.of(part, order) or (None, True)
                made.append(
                    part if maker is None else Ingredient(part.path, part.digest, part.part, maker.order, certain)
                )
                if maker is not None:
                    above[maker.order] = maker
            links[order] = Link(trace, tuple(made))
        level = {order: trace for order, trace in above.items() if order not in links}
    return links


class _Makers:
    """Who made which bytes at which path."""

    def __init__(self, traces: Iterable[Trace], inside: Inside) -> None:
        self._inside = inside
        self._whole: dict[tuple[str, Digest], list[Trace]] = {}
        self._folders: dict[str, list[tuple[Trace, Product]]] = {}
        self._asked: dict[tuple[Digest, str], Digest | None] = {}
        for trace in traces:
            for product in trace.outputs:
                self._whole.setdefault((product.path, product.digest), []).append(trace)

    def add_folders(self, traces: Iterable[Trace]) -> None:
        """Results whose folders may hold what is looked for."""
        for trace in traces:
            for product in trace.outputs:
                if product.path.endswith("/"):
                    self._folders.setdefault(product.path, []).append((trace, product))

    def of(self, part: Ingredient, reader: int) -> tuple[Trace, bool] | None:
        """The maker of what a result has read, and whether that is certain; the reader is no maker of its own."""
        whole = [trace for trace in self._whole.get((part.path, part.digest), ()) if trace.order < reader]
        if whole:
            return max(whole, key=lambda trace: trace.order), True
        lost: list[Trace] = []
        for folder in _around(part.path):
            for trace, product in sorted(self._folders.get(folder, ()), key=lambda row: -row[0].order):
                if trace.order >= reader:
                    continue
                digest = self._digest(product, part.path.removeprefix(folder))
                if digest == part.digest:
                    return trace, True
                if digest is None:
                    lost.append(trace)
        return (max(lost, key=lambda trace: trace.order), False) if lost else None

    def _digest(self, product: Product, path: str) -> Digest | None:
        key = product.digest, path
        if key not in self._asked:
            self._asked[key] = self._inside(product, path)
        return self._asked[key]


def standing(candidates: Iterable[Trace], present: Mapping[str, Digest], latest: Trace | None) -> Trace | None:
    """The result whose outputs are what is on the disk now: the latest if it is one, else the newest of them.

    `present` are the digests of what is there, by path. None if no result is there whole.
    """
    whole = [t for t in candidates if t.outputs and all(present.get(p.path) == p.digest for p in t.outputs)]
    if latest is not None and any(trace.order == latest.order for trace in whole):
        return latest
    return max(whole, key=lambda trace: trace.order, default=None)


def _around(path: str) -> list[str]:
    """The folders that a path lies in, the innermost first."""
    found = []
    parent = path.rstrip("/").rpartition("/")[0]
    while parent:
        found.append(f"{parent}/")
        parent = parent.rpartition("/")[0]
    return found
