"""Conditions on metrics like "accuracy >= 0.95 and f1 >= 0.9": whether one can be read; it evaluates none."""

import re

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][\w.-]*)"
    r"|(?P<compare><=|>=|==|!=|<|>)|(?P<bracket>[()]))"
)


class _Unreadable(Exception):
    """It goes on otherwise than a condition can."""


def is_condition(text: str) -> bool:
    """Whether comparisons of metrics with numbers, joined by `and`, `or`, `not` and parentheses, are all there is."""
    tokens: list[tuple[str, str]] = []
    pos, end = 0, len(text.rstrip())
    while pos < end:
        match = _TOKEN.match(text, pos)
        if not match or not match.lastgroup:
            return False
        word = match[match.lastgroup]
        kind = word if word in ("and", "or", "not", "(", ")") else match.lastgroup
        tokens.append((kind, word))
        pos = match.end()
    tokens.append(("end", ""))
    kinds = [kind for kind, _ in tokens]
    try:
        return kinds[_any(kinds, 0, 0)] == "end"
    except _Unreadable:
        return False


def _any(kinds: list[str], at: int, depth: int) -> int:
    """Comparisons joined by `and` and `or`; where they end."""
    if depth > 50:
        raise _Unreadable
    at = _one(kinds, at, depth)
    while kinds[at] in ("and", "or"):
        at = _one(kinds, at + 1, depth)
    return at


def _one(kinds: list[str], at: int, depth: int) -> int:
    while kinds[at] == "not":
        at += 1
    if kinds[at] == "(":
        at = _any(kinds, at + 1, depth + 1)
        if kinds[at] != ")":
            raise _Unreadable
        return at + 1
    if kinds[at : at + 3] not in (["name", "compare", "number"], ["number", "compare", "name"]):
        raise _Unreadable
    return at + 3
