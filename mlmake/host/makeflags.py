"""What MAKEFLAGS says of places to run in, and how it is said to others; it opens nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = "MAKEFLAGS"

# A blank after a backslash belongs to the word.
_BLANKS = re.compile(r"(?<!\\)\s+")
_AUTH = re.compile(r"--jobserver-(?:auth|fds)=(.*)", re.DOTALL)
_JOBS = re.compile(r"-j([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Offer:
    """Places that a `make` above shares: two descriptors or the path of a FIFO; `jobs` is how many, if that is said."""

    where: tuple[int, int] | str
    jobs: int | None

    @property
    def auth(self) -> str:
        """As MAKEFLAGS has it."""
        return f"fifo:{self.where}" if isinstance(self.where, str) else "{},{}".format(*self.where)


def read_offer(environ: Mapping[str, str]) -> Offer | None:
    """What the caller's MAKEFLAGS offers; None if there is nothing, or nothing that can be read."""
    where: tuple[int, int] | str | None = None
    jobs = None
    for word in _BLANKS.split(environ.get(VARIABLE, "")):
        if word == "--":  # variables follow
            break
        if found := _JOBS.fullmatch(word):
            jobs = int(found[1])
        elif found := _AUTH.fullmatch(word):
            where = _where(found[1])
    return None if where is None else Offer(where, jobs or None)


def _where(text: str) -> tuple[int, int] | str | None:
    if text.startswith("fifo:"):
        return re.sub(r"\\(.)", r"\1", text.removeprefix("fifo:"))
    pair = re.fullmatch(r"(-?[0-9]{1,9}),(-?[0-9]{1,9})", text)
    return (int(pair[1]), int(pair[2])) if pair else None


def write_flags(auth: str, jobs: int | None) -> str:
    """A MAKEFLAGS that says this and nothing else."""
    escaped = re.sub(r"([\\\s])", r"\\\1", auth)
    return f" -j{jobs or ''} --jobserver-auth={escaped}"
