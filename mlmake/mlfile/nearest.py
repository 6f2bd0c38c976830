"""The word that was probably meant; it does not know what the words name."""

from collections.abc import Iterable


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate with the fewest slips from `word`, the first of equals; None if all are too far away."""
    limit = max(1, len(word) // 3)
    best, found = limit + 1, None
    folded = word.casefold()
    for candidate in candidates:
        if abs(len(candidate) - len(word)) >= best:
            continue
        slips = _slips(folded, candidate.casefold(), limit=best - 1)
        if slips < best:
            best, found = slips, candidate
            if not slips:
                break
    return found


def _slips(one: str, other: str, *, limit: int) -> int:
    """Letters to insert, drop, replace or swap with their neighbour; more than `limit` is only known as more."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit and (not before or min(before) > limit):
            return limit + 1
    return row[-1]
