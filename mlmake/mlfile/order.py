"""What comes before what: an order of names, or the circles that make one impossible; it knows only names and edges."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence


def in_order(edges: Mapping[str, Collection[str]]) -> list[str]:
    """All names so that each comes after those it needs, else as given; names on or behind a circle are left out.

    `edges` gives for each name those that it needs.
    """
    missing = {name: len(needed) for name, needed in edges.items()}
    waiting: dict[str, list[str]] = {}
    for name, needed in edges.items():
        for other in needed:
            waiting.setdefault(other, []).append(name)
    ready = deque(name for name, count in missing.items() if not count)
    ordered = []
    while ready:
        name = ready.popleft()
        ordered.append(name)
        for other in waiting.get(name, ()):
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    return ordered


def circles(edges: Mapping[str, Collection[str]]) -> list[tuple[str, ...]]:
    """One shortest circle for each knot of names that need each other: `(a, b)` for a → b → a; `(a,)` for a → a."""
    ordered = set(in_order(edges))
    rest = {name: [n for n in needed if n not in ordered] for name, needed in edges.items() if name not in ordered}
    return [_shortest(knot, rest) for knot in _knots(rest) if len(knot) > 1 or knot[0] in rest[knot[0]]]


def _knots(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The strongly connected parts, names of each and parts as given (Tarjan, without recursion)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    stacked: set[str] = set()
    found: list[set[str]] = []
    for root in edges:
        if root in number:
            continue
        path = [(root, iter(edges[root]))]
        number[root] = low[root] = len(number)
        stack.append(root)
        stacked.add(root)
        while path:
            name, following = path[-1]
            for other in following:
                if other not in number:
                    number[other] = low[other] = len(number)
                    stack.append(other)
                    stacked.add(other)
                    path.append((other, iter(edges[other])))
                    break
                if other in stacked:
                    low[name] = min(low[name], number[other])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[name])
                if low[name] == number[name]:
                    knot = set()
                    while True:
                        other = stack.pop()
                        stacked.discard(other)
                        knot.add(other)
                        if other == name:
                            break
                    found.append(knot)
    place = {name: i for i, name in enumerate(edges)}
    return sorted((sorted(knot, key=place.__getitem__) for knot in found), key=lambda knot: place[knot[0]])


def _shortest(knot: Sequence[str], edges: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The shortest way from the first name of a knot back to itself."""
    first, members = knot[0], set(knot)
    came: dict[str, str] = {}
    queue = deque([first])
    while queue:
        name = queue.popleft()
        for other in edges[name]:
            if other == first:
                way = [name]
                while way[-1] != first:
                    way.append(came[way[-1]])
                return tuple(reversed(way))
            if other in members and other not in came:
                came[other] = name
                queue.append(other)
    raise AssertionError(f"{first} is on no circle")
