"""Sweeps: which points of a build are struck, one after the other, and what came of it; it does not know how."""

import re
import shutil
import time
from dataclasses import dataclass, field

LEAST = 0.5
"""Of the points struck this part must have met something: a slow machine gathers fewer records in a commit."""


def places_in(text, root):
    """The files that a line speaks of, without what differs from one build to the next."""
    # What comes after is the answer, which may name the file once more.
    asked = text.partition(") = ")[0]
    found = re.findall(r'(?<!CWD)<(/[^>]*)>|"(/[^"]*)"', asked)
    return " → ".join(alike(left or right, root) for left, right in found[:2])


def alike(path, root):
    """A path without the names that differ from one build to the next."""
    path = "." if path == str(root) else path.removeprefix(f"{root}/")
    path = re.sub(r"(?<=runs/)[^/]+|(?<=records/)[^/.]+", "RUN", path)
    path = re.sub(r"(?<=objects/)[0-9a-f]{2}(?=/|$)", "HH", path)
    path = re.sub(r"[0-9a-f]{16,}", "H", path)
    return re.sub(r"\d+", "N", path)


def spread(places, limit=None, *, within=lambda place: True):
    """Numbers of points: all, or the first of every place and as many others as the limit has room for, evenly."""
    points = [point for point, place in enumerate(places, 1) if within(place)]
    if limit is None or limit >= len(points):
        return points
    first = {places[point - 1]: point for point in reversed(points)}
    others = [point for point in points if point not in set(first.values())]
    room = max(0, limit - len(first))
    return sorted([*first.values(), *(others[len(others) * n // room] for n in range(room if others else 0))])


@dataclass
class Sweep:
    """One sweep: its points, and how many were struck, met something and were not healed.

    `places` says what is at each point as far as that is known, `known` all that there is.
    """

    name: str
    places: list[str]
    points: list[int]
    known: set[str]
    begun: float = field(default_factory=time.monotonic)
    tried: int = 0
    met: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def strike(self, make, happen):
        """Let it happen at every point, in a project that `make` gives anew, and look whether that heals.

        `happen` gives the place that was struck, none if there was nothing at this point. The project of a point that
        did not heal stays.
        """
        for point in self.points:
            project = make(point)
            kept = project.objects()
            self.tried += 1
            place = None
            try:
                place = happen(project, point)
                if place is not None:
                    self.met.append(place)
                    project.heals(kept=kept)
            except AssertionError as error:
                self.wrong.append(f"{self.name}, point {point}, {place}: {error}")
                continue
            shutil.rmtree(project.root)
        SWEEPS.append(self)
        self.took = time.monotonic() - self.begun
        print(self.line())
        assert not self.wrong, "\n\n".join(self.wrong)
        return self

    def assert_met(self):
        """Nearly every point must have met something."""
        assert len(self.met) >= LEAST * len(self.points) and self.met, self.line()

    def line(self):
        """What came of it."""
        known, met = self.known, set(self.met)
        return (
            f"{self.name}: {self.tried} of {len(self.places)} points struck, {len(self.met)} met something, "
            f"{len(known & met)} of {len(known)} places, {len(self.wrong)} not healed, {self.took:.0f} s"
        )

    def missed(self):
        """Places that were never struck."""
        return self.known - set(self.met)


SWEEPS: list[Sweep] = []
"""All of this run, for its summary."""
