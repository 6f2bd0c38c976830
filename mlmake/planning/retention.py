"""What of the remembered results may go, in which order and why; it knows no store and no disk."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mlmake.model.digest import ObjectName

HOUR = 3600
"""Seconds of a bucket of last hits."""


class Why(StrEnum):
    """Why a result goes."""

    UNUSED = "unused"
    OLD_RUN = "old-run"
    SIZE = "size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long results are kept that nothing refers to.

    `unused_for` is in seconds, `max_size` in bytes. `runs` are the (action, run) of results that stay in any case,
    because one of the runs that are to be kept ended with them; with `only_runs` all others go.
    """

    unused_for: float | None = None
    max_size: int | None = None
    runs: frozenset[tuple[str, str]] | None = None
    only_runs: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A result: the hour of its last hit, its objects (a folder's name, its files' names come from elsewhere).

    `stands`: a workspace refers to it, or a build that runs may.
    """

    hour: int
    action: str
    run: str
    objects: tuple[ObjectName, ...]
    stands: bool


def age(hour: int, now: float) -> float:
    """For how many seconds at least there was no hit; none in the present hour, nor if it lies in the future."""
    return max(0.0, now - (hour + 1) * HOUR)


def stays(candidate: Candidate, policy: Policy) -> bool:
    """Whether nothing may remove it."""
    return candidate.stands or (policy.runs is not None and (candidate.action, candidate.run) in policy.runs)


def due(candidate: Candidate, policy: Policy, *, now: float) -> Why | None:
    """Why a result goes by its age or its run alone, if it does; `now` is seconds since the epoch."""
    if stays(candidate, policy):
        return None
    if policy.unused_for is not None and age(candidate.hour, now) >= policy.unused_for:
        return Why.UNUSED
    return Why.OLD_RUN if policy.only_runs else None


@dataclass
class Tally:
    """What becomes free if results go: bytes that several share only with the last of them.

    `count` says how many results and folders name an object, `parts` which objects a folder names, `size` how many
    bytes of disk an object takes: none if somebody else refers to it.
    """

    count: Callable[[ObjectName], int]
    parts: Callable[[ObjectName], Sequence[ObjectName]]
    size: Callable[[ObjectName], int]
    left: dict[ObjectName, int] = field(default_factory=dict)
    freed: dict[ObjectName, int] = field(default_factory=dict)

    def let_go(self, objects: Iterable[ObjectName]) -> int:
        """A result with these objects goes; gives the bytes that become free by it."""
        free = 0
        for name in objects:
            if self._one_less(name):
                free += self.freed[name]
                for part in self.parts(name):
                    free += self.freed[part] if self._one_less(part) else 0
        return free

    def may_free(self, objects: Iterable[ObjectName]) -> bool:
        """Whether it is worth something that a result with these objects goes, now or with others."""
        return any(self.size(one) for name in objects for one in (name, *self.parts(name)))

    def _one_less(self, name: ObjectName) -> bool:
        left = self.left[name] = self.left.get(name, self.count(name)) - 1
        if left == 0:
            self.freed[name] = self.size(name)
        return left == 0


def too_much(candidate: Candidate, policy: Policy, *, size: int, tally: Tally) -> bool:
    """Whether a result goes because the store is too big; asked of each in the order of last hits."""
    return (
        policy.max_size is not None
        and size > policy.max_size
        and not stays(candidate, policy)
        and tally.may_free(candidate.objects)
    )
