"""What an action came to, as far as those behind it may know; it does not know how."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlmake.model.digest import Version


@dataclass(frozen=True, slots=True)
class Settled:
    """What an action came to: its outputs' versions, unknown where they may still change.

    `in_place` says that the disk holds just that, so that what lies inside its folders may be looked at.
    """

    outputs: Mapping[str, Version]
    in_place: bool
