"""Patterns over path names: what they match and where they may match; it knows names, not what is on disk."""

import re
from functools import lru_cache

_MAGIC = re.compile(r"[*?\[]")


def is_glob(path: str) -> bool:
    """Whether a path is a pattern: it has `*`, `?` or `[`."""
    return _MAGIC.search(path) is not None


def literal(path: str) -> str:
    """The pattern that matches just this path."""
    return _MAGIC.sub(lambda m: f"[{m[0]}]", path)


def prefix(pattern: str) -> str:
    """The text with which everything that a pattern matches begins."""
    magic = _MAGIC.search(pattern)
    return pattern if magic is None else pattern[: magic.start()]


@lru_cache(maxsize=1024)
def matcher(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression over whole paths: `*` stays within a part, `**` spans any number of them.

    A wildcard at the start of a part does not match a leading dot.
    """
    folder = pattern.endswith("/")
    parts = pattern.rstrip("/").split("/")
    text = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            text += r"(?:(?!\.)[^/]+/)*" + (r"(?!\.)[^/]+" if last else "")
        else:
            text += _part(part) + ("" if last else "/")
    return re.compile(text + ("/" if folder else ""), re.DOTALL)


def _part(part: str) -> str:
    """One part of a pattern as a regular expression."""
    # A name is never empty: `x/*` is what lies in x/, not x/ itself.
    text, at = (r"(?!\.)(?=[^/])" if part[:1] in ("*", "?", "[") and not part.startswith("[.]") else ""), 0
    while at < len(part):
        char = part[at]
        at += 1
        if char == "*":
            text += "[^/]*"
        elif char == "?":
            text += "[^/]"
        elif char == "[" and (end := part.find("]", at + 1 if part[at : at + 1] not in ("!", "^") else at + 2)) > 0:
            inner = part[at:end]
            at = end + 1
            negated = inner[:1] in ("!", "^")
            inner = inner[1:] if negated else inner
            inner = inner.replace("\\", "\\\\").replace("[", r"\[").replace("]", r"\]").replace("^", r"\^")
            inner = re.sub(r"([&|~-])(?=\1)", r"\\\1", inner)
            text += f"(?!/)[{'^' if negated else ''}{inner}]"
        else:
            text += re.escape(char)
    return text


@lru_cache(maxsize=1024)
def _part_matcher(part: str) -> re.Pattern[str]:
    return re.compile(_part(part), re.DOTALL)


def within(pattern: str, folder: str) -> tuple[str, ...]:
    """The patterns for what `pattern` may match inside a folder (ends in "/"); none if it cannot."""
    names = folder.rstrip("/").split("/")
    parts = pattern.split("/")
    rests: dict[str, None] = {}
    reached = {0}
    for name in names:
        following = set()
        waiting = list(reached)
        while waiting:
            at = waiting.pop()
            if at >= len(parts):
                continue
            if parts[at] == "**":
                # It may span this part and more, or none at all.
                waiting.append(at + 1)
                if not name.startswith("."):
                    following.add(at)
            elif _fits(parts[at], name):
                following.add(at + 1)
        reached = following
    for at in sorted(reached):
        rest = "/".join(parts[at:])
        if rest:
            rests[literal(folder) + rest] = None
    return tuple(rests)


def _fits(part: str, name: str) -> bool:
    return part not in ("", "**") and _part_matcher(part).fullmatch(name) is not None


def may_meet(one: str, other: str) -> bool:
    """Whether some path may fit both patterns; a wildcard counts as any text, so that it errs towards yes."""
    short, long = (_pieces(one), _pieces(other))
    # Which rests of `long` are left after the pieces so far; a wildcard leaves each.
    ends = _spread({0}, long)
    for piece in short:
        if piece == "*":
            ends = set(range(min(ends), len(long) + 1)) if ends else ends
        else:
            ends = _spread(
                {at if long[at] == "*" else at + 1 for at in ends if at < len(long) and long[at] in (piece, "*")}, long
            )
    return len(long) in ends


def _pieces(pattern: str) -> list[str]:
    """Its characters, with "*" for every wildcard; in a folder lies anything."""
    text = re.sub(r"[*?]+|\[.[^\]]*\]", "*", pattern) + ("*" if pattern.endswith("/") else "")
    return list(text)


def _spread(ends: set[int], long: list[str]) -> set[int]:
    """A wildcard may also stand for nothing."""
    found = set()
    for at in ends:
        found.add(at)
        while at < len(long) and long[at] == "*":
            at += 1
            found.add(at)
    return found
