"""What a check of the machine or of the state has found; it knows no check."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is, from good to bad. Only with a PROBLEM does something not work."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what is so, why it matters, and how to mend it (a command or a key).

    `check` names what was looked at, the same in every run. What is in order has neither `why` nor `mend`.
    """

    check: str
    severity: Severity
    what: str
    why: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """The findings of one area."""

    area: str
    findings: tuple[Finding, ...]


def ok(check: str, what: str) -> Finding:
    """Nothing to mend."""
    return Finding(check, Severity.OK, what)


def note(check: str, what: str, *, why: str, mend: str = "") -> Finding:
    """Good to know, nothing to do."""
    return Finding(check, Severity.NOTE, what, why, mend)


def warning(check: str, what: str, *, why: str, mend: str) -> Finding:
    """It works, and will not always, or not as well as it could."""
    return Finding(check, Severity.WARNING, what, why, mend)


def problem(check: str, what: str, *, why: str, mend: str) -> Finding:
    """Something does not work as it is."""
    return Finding(check, Severity.PROBLEM, what, why, mend)


def has_problem(sections: Iterable[Section]) -> bool:
    """Whether any finding is a problem."""
    return any(finding.severity is Severity.PROBLEM for section in sections for finding in section.findings)
