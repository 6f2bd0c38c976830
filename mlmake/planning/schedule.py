"""What may start next: priorities by the longest path and room by resources; it starts nothing itself."""

from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlmake.model.graph import Action, Graph, Resources

UNKNOWN_SECONDS = 1.0
"""Assumed for an action of which no sibling was ever timed."""

PATIENCE = 8
"""How many later steps may overtake the first in line before room is kept free for it."""


def priorities(graph: Graph, order: Sequence[str], expected: Mapping[str, float]) -> dict[str, float]:
    """Seconds from the start of each action to the end of the longest path behind it; the longest goes first."""
    guess = _guesses(graph, order, expected)
    longest = dict.fromkeys(order, 0.0)
    for name in reversed(order):
        action = graph.actions[name]
        longest[name] += expected.get(name, guess.get(action.target, UNKNOWN_SECONDS))
        for need in action.upstream + action.after:
            if need in longest:
                longest[need] = max(longest[need], longest[name])
    return longest


def _guesses(graph: Graph, order: Iterable[str], expected: Mapping[str, float]) -> dict[str, float]:
    """For a target the mean time of its instances that were timed, for those that were not."""
    times: dict[str, list[float]] = {}
    for name in order:
        if name in expected:
            times.setdefault(graph.actions[name].target, []).append(expected[name])
    return {target: sum(seconds) / len(seconds) for target, seconds in times.items()}


def claim(action: Action, totals: Resources) -> Resources:
    """What an action occupies: its resources, with cpus no more than there are."""
    wanted = action.policy.resources
    if wanted.cpus <= totals.cpus:
        return wanted
    return replace(wanted, cpus=totals.cpus)


@dataclass(slots=True)
class Room:
    """What is free: resources and places; `places` is how many steps may run at once, `devices` are ids."""

    totals: Resources
    places: int
    cpus: float = field(init=False)
    memory: int = field(init=False)
    named: dict[str, float] = field(init=False)
    devices: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.cpus, self.memory, self.named = self.totals.cpus, self.totals.memory, dict(self.totals.named)
        self.devices = self.totals.devices

    def fits(self, claimed: Resources) -> bool:
        """Whether a step with this claim may start now."""
        return (
            self.places > 0
            and claimed.cpus <= self.cpus + 1e-9
            and claimed.memory <= self.memory
            and (claimed.gpus or 0) <= len(self.devices)
            and all(amount <= self.named.get(name, 0) + 1e-9 for name, amount in claimed.named.items())
        )

    def take(self, claimed: Resources) -> Resources:
        """Occupy what is claimed and fits; gives the claim with the devices that are its own until `give`."""
        self._move(claimed, -1)
        count = claimed.gpus or 0
        granted, self.devices = self.devices[:count], self.devices[count:]
        return replace(claimed, devices=granted) if granted else claimed

    def give(self, granted: Resources) -> None:
        """What `take` gave is free again."""
        self._move(granted, 1)
        if granted.devices:
            free = {*self.devices, *granted.devices}
            self.devices = tuple(device for device in self.totals.devices if device in free)

    def _move(self, amounts: Resources, sign: int) -> None:
        self.places += sign
        self.cpus += sign * amounts.cpus
        self.memory += sign * amounts.memory
        for name, amount in amounts.named.items():
            self.named[name] += sign * amount


def _yes() -> bool:
    return True


@dataclass(slots=True)
class Line:
    """The steps that wait for room, first in line the one with the longest path behind it."""

    waiting: list[tuple[float, int, str, Resources]] = field(default_factory=list)
    overtaken: dict[str, int] = field(default_factory=dict)
    _arrivals: int = 0

    def join(self, name: str, claimed: Resources, *, priority: float) -> None:
        """Stand in line; among equals the earlier comes first."""
        self._arrivals += 1
        insort(self.waiting, (-priority, self._arrivals, name, claimed), key=lambda entry: entry[:2])

    def next(self, room: Room, *, permit: Callable[[], bool] = _yes) -> tuple[str, Resources] | None:
        """Take the first that fits; one that was overtaken too often is waited for.

        `permit` is asked once there is one that fits, and may keep it in line.
        """
        if room.places <= 0:
            return None
        for place, (_, _, name, claimed) in enumerate(self.waiting):
            if room.fits(claimed):
                if not permit():
                    return None
                del self.waiting[place]
                for _, _, earlier, _ in self.waiting[:place]:
                    self.overtaken[earlier] = self.overtaken.get(earlier, 0) + 1
                return name, claimed
            if self.overtaken.get(name, 0) >= PATIENCE:
                return None
        return None

    def leave(self, names: Iterable[str]) -> list[str]:
        """Take these out of the line; gives those that stood in it."""
        gone = set(names)
        left = [entry[2] for entry in self.waiting if entry[2] in gone]
        self.waiting = [entry for entry in self.waiting if entry[2] not in gone]
        return left


def widen(totals: Resources, jobs: int | None) -> Resources:
    """The totals for a build: a number of jobs asked for by hand raises the CPUs to as many."""
    cpus = totals.cpus if jobs is None else max(totals.cpus, jobs)
    return replace(totals, cpus=cpus)
