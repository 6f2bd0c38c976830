"""What is remembered of a run that succeeded; it knows nothing of how it is kept or judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mlmake.model.digest import Digest, ObjectName, digest_of
from mlmake.model.fact import Fact
from mlmake.model.observation import Baseline
from mlmake.model.reason import Reason


@dataclass(frozen=True, slots=True)
class Product:
    """One output as a run left it; `object` names its bytes in the content store, none if they were not kept."""

    name: str | None
    path: str
    digest: Digest
    size: int
    object: ObjectName | None


@dataclass(frozen=True, slots=True)
class Packages:
    """Distributions that a run's Python imported from one folder: their versions by name.

    `python` is the interpreter that did; `own` says that it was the project's, so that another one may take its place.
    Both paths are relative to the root if they lie inside it.
    """

    folder: str
    python: str
    own: bool
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Trace:
    """One result: the recipe, exactly what it was made from, what came out, when and why.

    `inputs` are (path, digest) in declared order; `discovered` the same, by path, for what the step was seen to load.
    `read` are those of `discovered` that it read as data, all others are its code; `packages` what its Python imported
    from outside the project.
    `started` and `ended` are seconds since the epoch by the wall clock, `seconds` by a clock that does not jump.
    `origin` says by what and where it was made. `baseline` is what its source was before it ran, none without one.
    `complete` is false if it was made from fewer branches than there are. `order` counts recordings in a state, 0
    before it is recorded.
    """

    action: str
    recipe: Digest
    facts: tuple[Fact, ...]
    inputs: tuple[tuple[str, Digest], ...]
    discovered: tuple[tuple[str, Digest], ...]
    outputs: tuple[Product, ...]
    started: float
    ended: float
    seconds: float
    run: str
    reasons: tuple[Reason, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    baseline: Baseline | None = None
    complete: bool = True
    order: int = 0
    read: tuple[str, ...] = ()
    packages: tuple[Packages, ...] = ()

    @property
    def key(self) -> Digest:
        """The digest of its declared inputs, by which equal inputs are found again."""
        return inputs_key(self.inputs)


def inputs_key(inputs: Sequence[tuple[str, Digest]]) -> Digest:
    """The digest of a list of (path, digest): order counts."""
    return digest_of([part for pair in inputs for part in pair])


@dataclass(frozen=True, slots=True)
class Failure:
    """The last attempt of an action, if it did not succeed; a success wipes it.

    `recipe` and `key` are those of the attempt: what it left at outputs that are kept may be gone on with by the same.
    `outcome` is "started" while it runs, so that an attempt that was cut off is known too.
    """

    action: str
    recipe: Digest
    key: Digest
    run: str
    at: float
    outcome: str
    exit_code: int | None


class Memory(Protocol):
    """What is remembered, to read; within one judgement it does not change."""

    def last(self, recipe: Digest) -> Trace | None:
        """The last run of this recipe: the newest recorded, or an older one that was restored since."""

    def latest(self, action: str) -> Trace | None:
        """The last result of this action under any recipe: what `why` compares with."""

    def results(self, recipe: Digest, key: Digest | None = None) -> Sequence[Trace]:
        """All results of a recipe, or only those made from inputs with this key; newest recorded first."""

    def checked(self, trace: Trace) -> float | None:
        """When this result was last revalidated, in seconds since the epoch; None if never."""

    def failure(self, action: str) -> Failure | None:
        """How the last attempt of this action failed, if it did."""
