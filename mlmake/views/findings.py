"""Findings as text and as a document; it does not know how they were found."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mlmake.model.finding import Finding, Section, Severity
from mlmake.views.jsonl import Json
from mlmake.views.screen import Screen, printable, wrapped

SCHEMA = "mlmake.doctor/1"

MARKS: Mapping[Severity, tuple[str, str, str]] = {
    Severity.OK: ("✓", "+", "good"),
    Severity.NOTE: ("·", ".", "dim"),
    Severity.WARNING: ("○", "o", "warn"),
    Severity.PROBLEM: ("✗", "!", "bad"),
}

WORD = max(map(len, Severity))

INDENT = "  "


def findings_document(sections: Sequence[Section]) -> dict[str, Json]:
    """The document of `doctor --json`."""
    counts = counted(sections)
    listed: list[Json] = [
        {
            "area": section.area,
            "check": finding.check,
            "severity": finding.severity.value,
            "what": finding.what,
            "why": finding.why or None,
            "mend": finding.mend or None,
        }
        for section in sections
        for finding in section.findings
    ]
    return {
        "schema": SCHEMA,
        "worst": next((s.value for s in reversed(Severity) if counts[s]), Severity.OK.value),
        **{severity.value: counts[severity] for severity in Severity},
        "findings": listed,
    }


def section_lines(section: Section, screen: Screen, *, quiet: bool = False) -> list[str]:
    """The area, and its findings below it; nothing if none is to be shown."""
    shown = [f for f in section.findings if not quiet or f.severity in (Severity.WARNING, Severity.PROBLEM)]
    return [screen.paint(section.area, "bold"), *(line for f in shown for line in _lines(f, screen))] if shown else []


def counts_line(sections: Iterable[Section]) -> str:
    """How many findings of each severity."""
    counts = counted(sections)
    total = sum(counts.values())
    worse = [(severity.value, counts[severity]) for severity in Severity if severity is not Severity.OK]
    told = [f"{counts[Severity.OK]} ok", *(f"{n} {word}{'s' if n != 1 else ''}" for word, n in worse if n)]
    end = "" if counts[Severity.PROBLEM] else ", no problem"
    return f"{total} checks: {', '.join(told)}{end}"


def counted(sections: Iterable[Section]) -> Counter[Severity]:
    """The findings of each severity."""
    return Counter(finding.severity for section in sections for finding in section.findings)


def _lines(finding: Finding, screen: Screen) -> list[str]:
    symbol, plain, style = MARKS[finding.severity]
    mark = screen.paint(screen.mark(symbol, plain), style)
    lead = f"{INDENT}{mark} {finding.severity.value:<{WORD}}  "
    inner = " " * (len(INDENT) + 2 + WORD + 2)
    first, *rest = wrapped(printable(finding.what), screen.width, lead=len(inner)) or [""]
    lines = [lead + first, *(inner + line for line in rest)]
    for name, text in (("why", finding.why), ("mend", finding.mend)):
        if text:
            # A command that is broken over lines cannot be copied, so only sentences are.
            parts = wrapped(printable(text), screen.width if name == "why" else None, lead=len(inner) + 6)
            lines += [f"{inner}{screen.paint(name, 'dim')}{' ' * (6 - len(name))}{parts[0]}"]
            lines += [f"{inner}{' ' * 6}{part}" for part in parts[1:]]
    return lines
