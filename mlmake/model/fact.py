"""A recipe as a list of facts: one walk gives its digest and what explains a change; it knows no file content."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mlmake.model.digest import Digest, Value, canonical, digest_of
from mlmake.model.reason import Code, Plain, Reason

LONGEST_SHOWN = 160
"""Characters of a value that are kept for explaining; the digest covers all of it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a recipe depends on: the code its change is reported under, its subject, its value."""

    code: Code
    subject: str
    shown: Plain
    digest: Digest


Recipe: TypeAlias = tuple[Fact, ...]


def fact(code: Code, subject: str, value: Value, *, secret: bool = False) -> Fact:
    """A fact of `value`; a secret one (a passed-through environment variable) keeps only a short digest of it."""
    digest = digest_of(value)
    if secret:
        return Fact(code, subject, None if value is None else digest[:8], digest)
    if value is None or isinstance(value, bool | int | float):
        return Fact(code, subject, value, digest)
    text = str(value) if isinstance(value, str) else canonical_text(value)
    return Fact(code, subject, text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…", digest)


def canonical_text(value: Value) -> str:
    """A value as one short line for people."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{k}={canonical_text(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(canonical_text, value)) + "]"
        case _:
            return str(value)


def recipe_digest(recipe: Iterable[Fact]) -> Digest:
    """The identity of a recipe: equal facts in any order are the same recipe."""
    rows = sorted(b"".join((f.code.encode(), b"\0", canonical(f.subject), f.digest.encode())) for f in recipe)
    return digest_of(["recipe/1", *(row.decode("utf-8", "surrogateescape") for row in rows)])


def differences(old: Sequence[Fact], new: Sequence[Fact]) -> list[Reason]:
    """What changed between two recipes, in the order of the new one, then what is gone from the old."""
    before = {(f.code, f.subject): f for f in old}
    now = {(f.code, f.subject) for f in new}
    reasons = []
    for f in new:
        was = before.get((f.code, f.subject))
        if was is None or was.digest != f.digest:
            reasons.append(Reason(f.code, f.subject, None if was is None else was.shown, f.shown))
    reasons += [Reason(f.code, f.subject, f.shown, None) for f in old if (f.code, f.subject) not in now]
    return reasons
