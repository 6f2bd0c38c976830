"""Version requirements like ">=0.1,<1"; it does not know which version runs."""

import re

_CLAUSE = re.compile(r"\s*(>=|<=|==|!=|~=|>|<)\s*v?(\d+(?:\.\d+)*)\s*")
_RELEASE = re.compile(r"v?(\d+(?:\.\d+)*)")


def satisfies(version: str, requirement: str) -> bool | None:
    """Whether a version fits all clauses; None if the requirement cannot be read. A pre-release counts as release."""
    release = _RELEASE.match(version)
    here = _numbers(release[1]) if release else ()
    fits = True
    for part in requirement.split(","):
        clause = _CLAUSE.fullmatch(part)
        if not clause:
            return None
        operator, there = clause[1], _numbers(clause[2])
        if operator == "~=":
            count = clause[2].count(".") + 1
            if count < 2:
                return None
            fits = fits and here >= there and _filled(here, count)[: count - 1] == _filled(there, count)[: count - 1]
            continue
        fits = (
            fits
            and {
                ">=": here >= there,
                "<=": here <= there,
                ">": here > there,
                "<": here < there,
                "==": here == there,
                "!=": here != there,
            }[operator]
        )
    return fits


def _numbers(text: str) -> tuple[int, ...]:
    """The parts without zeros at the end, so that 1.0 is 1."""
    numbers = [int(part) for part in text.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _filled(numbers: tuple[int, ...], count: int) -> tuple[int, ...]:
    return numbers + (0,) * (count - len(numbers))
