"""For how long and for which changes of its source a result stands; it knows no result, no time and no source."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from mlmake.model.command import Argv, Call, Shell
from mlmake.model.condition import Condition
from mlmake.model.digest import Digest, Value
from mlmake.model.item import Leaf, Made, Part, PartGlob
from mlmake.model.units import Seconds


class Scale(StrEnum):
    """How the size of a change is told."""

    SHARE = "share"
    FACTOR = "factor"
    AMOUNT = "amount"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The size from which on a change counts: a share of the baseline (0.1 is a tenth), a factor, or an amount."""

    scale: Scale
    size: Decimal


Significance: TypeAlias = Tolerance | Mapping[str, Tolerance | None] | None
"""One for all measures, or one for each that counts; none: any change counts."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The files that match a glob outside every output; listed only when the source is looked at."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Remote:
    """A dataset behind a URL."""

    url: str


SourceItem: TypeAlias = Leaf | Pattern | Remote | Made | Part | PartGlob


@dataclass(frozen=True, slots=True)
class Source:
    """An external dataset: what it consists of, whether it is written as one path or as a list.

    `ready` is the file that a folder must hold to be complete.
    """

    items: tuple[SourceItem, ...]
    many: bool
    ready: str | None = None


MEASURES = ("files", "bytes", "lines", "records")
"""What can be measured of files without a command."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What to measure: one of the built-in measures, or a command.

    `identity` is the digest of how it is written, and of `params`, the parameters that the command uses, by dotted
    names.
    """

    measure: str | None
    command: Shell | Argv | Call | None
    timeout: Seconds
    identity: Digest
    params: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Validity:
    """When a result stands without being made again. `enough_text` is the condition as it is written."""

    fresh_for: Seconds | None = None
    max_age: Seconds | None = None
    stale_if_error: Seconds | None = None
    source: Source | None = None
    probe: Probe | None = None
    significant: Significance = None
    enough: Condition | None = None
    enough_text: str = ""

    @property
    def asks(self) -> bool:
        """Whether there is a validator to ask."""
        return self.source is not None or self.probe is not None


ALWAYS_VALID = Validity()
"""Of a target that says nothing about it: a result stands as long as its inputs do."""
