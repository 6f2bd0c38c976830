"""One look at the world, used for a whole judgement; it does not know what is decided from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlmake.model.digest import Version
from mlmake.model.graph import Action
from mlmake.model.observation import Observation
from mlmake.model.trace import Memory, Packages, Product


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The time, what is on disk, what is remembered.

    `now` is seconds since the epoch, read once. `version` gives what is at a path; asked twice it answers the same.
    `listing` gives the paths that match a pattern, by bytes; `read` the content of a file. `stored` says whether all
    bytes of an output of some result can be had from the content store; `installed` gives the versions that packages of
    some result have now; `observe` asks the validator of an action, for the source's
    content too if the flag says so, and asked twice answers the same.
    """

    now: float
    version: Callable[[str], Version]
    listing: Callable[[str], Sequence[str]]
    read: Callable[[str], bytes]
    memory: Memory
    stored: Callable[[Product], bool]
    installed: Callable[[Packages], Mapping[str, str]]
    observe: Callable[[Action, bool], Observation]
