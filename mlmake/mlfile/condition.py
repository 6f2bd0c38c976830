"""Conditions on metrics like "accuracy >= 0.95 and f1 >= 0.9", read from text; it evaluates none."""

import re

from mlmake.model.condition import All, Compare, Condition, Not, Some

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][\w.-]*)"
    r"|(?P<compare><=|>=|==|!=|<|>)|(?P<bracket>[()]))"
)
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_DEEPEST = 50


class _Unreadable(Exception):
    """It goes on otherwise than a condition can."""


def read_condition(text: str) -> Condition | None:
    """Comparisons of metrics with numbers, joined by `and`, `or`, `not` and parentheses; None if it is none.

    `not` binds tightest, then `and`, then `or`.
    """
    tokens: list[tuple[str, str]] = []
    pos, end = 0, len(text.rstrip())
    while pos < end:
        match = _TOKEN.match(text, pos)
        if not match or not match.lastgroup:
            return None
        word = match[match.lastgroup]
        tokens.append((word if word in ("and", "or", "not", "(", ")") else match.lastgroup, word))
        pos = match.end()
    try:
        reader = _Reader([*tokens, ("end", "")])
        condition = reader.some(0)
    except _Unreadable:
        return None
    return condition if reader.next == "end" else None


class _Reader:
    """Goes through the tokens once; each method reads what it is named after."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens, self._at = tokens, 0

    @property
    def next(self) -> str:
        """The kind of the token that comes."""
        return self._tokens[self._at][0]

    def some(self, depth: int) -> Condition:
        parts = [self.all(depth)]
        while self.next == "or":
            self._at += 1
            parts.append(self.all(depth))
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def all(self, depth: int) -> Condition:
        parts = [self.one(depth)]
        while self.next == "and":
            self._at += 1
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def one(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise _Unreadable
        if self.next == "not":
            self._at += 1
            return Not(self.one(depth + 1))
        if self.next == "(":
            self._at += 1
            inner = self.some(depth + 1)
            if self.next != ")":
                raise _Unreadable
            self._at += 1
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        taken = self._tokens[self._at : self._at + 3]
        words = [word for _, word in taken]
        match [kind for kind, _ in taken]:
            case ["name", "compare", "number"]:
                self._at += 3
                return Compare(words[0], words[1], float(words[2]))
            case ["number", "compare", "name"]:
                self._at += 3
                return Compare(words[2], _MIRRORED[words[1]], float(words[0]))
            case _:
                raise _Unreadable
