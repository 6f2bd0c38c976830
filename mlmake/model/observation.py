"""What a validator says of a source at one time; it does not know how it was asked or what follows."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlmake.model.digest import Digest
from mlmake.model.reason import Plain

Measures = Mapping[str, Plain]
"""By name; the only value of a probe that gives no object has the probe's own name."""


@dataclass(frozen=True, slots=True)
class Observation:
    """How a source is now.

    `content` is the digest of what it holds (or of what a server says in its place), none if that was not asked;
    `measures` what the probe gave, none without a probe. `error` says why it could not be told.
    """

    content: Digest | None = None
    measures: Measures | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was observed before a run began: `probe` is the identity of the probe that gave the measures.

    `moved`: it was another when the run had ended, so the run may have seen something between.
    """

    content: Digest | None = None
    measures: Measures | None = None
    probe: Digest | None = None
    moved: bool = False
