"""Where in a shell script a place lies: bare, quoted, in a comment or a here-document; it knows no template."""

import re
from collections.abc import Sequence
from enum import Enum


class Quoting(Enum):
    """How the shell reads a place."""

    BARE = "bare"
    SINGLE = "single quotes"
    DOUBLE = "double quotes"
    ESCAPED = "a backslash"
    HERE = "a here-document"
    COMMENT = "a comment"
    ARITHMETIC = "arithmetic"
    BACKTICK = "backticks"


_HERE = re.compile(r"<<(-?)[ \t]*(?:'([^'\n]*)'|\"([^\"\n]*)\"|\\?([A-Za-z0-9_.+-]+))")
_CASE = re.compile(r"case\s+(?:[^\s'\"]|'[^']*'|\"[^\"]*\")+\s+in(?=\s)")
_ESAC = re.compile(r"esac(?![^\s;&|()<>])")
_ENDS_WORD = frozenset(" \t\n;&|()<>`")


def quotings(text: str, spans: Sequence[tuple[int, int]]) -> list[Quoting]:
    """How the shell reads each of these spans (start, end), which are in order and do not overlap.

    `$(…)` inside double quotes is bare again, as in the shell.
    """
    found: list[Quoting] = []
    nest: list[str] = []
    waiting: list[tuple[str, bool]] = []
    starts = dict(spans)
    at, size = 0, len(text)
    while at < size and len(found) < len(spans):
        if at in starts:
            found.append(_state(nest))
            at = starts[at]
            continue
        char = text[at]
        double = _in_double(nest)
        if char == "\\":
            if at + 1 in starts:
                found.append(Quoting.ESCAPED)
                at = starts[at + 1]
            else:
                at += 2
        elif char == '"':
            if nest and nest[-1] == '"':
                nest.pop()
            else:
                nest.append('"')
            at += 1
        elif char == "'" and not double:
            end = _end_of_single(text, at + 1, ansi=at > 0 and text[at - 1] == "$")
            found += [Quoting.SINGLE for start, _ in spans if at < start < end]
            at = end
        elif char == "`":
            if "`" in nest:
                while nest.pop() != "`":
                    pass
            else:
                nest.append("`")
            at += 1
        elif char == "$" and text[at + 1 : at + 2] in ("(", "{") and at + 1 not in starts:
            if text.startswith("$((", at):
                nest += ["((", "(("]
                at += 3
            else:
                nest.append(text[at + 1])
                at += 2
        elif double:
            if char == "}" and nest[-1] == "{":
                nest.pop()
            at += 1
        elif char == "(":
            if text.startswith("((", at):
                nest += ["((", "(("]
                at += 2
            else:
                nest.append("(")
                at += 1
        elif (char == ")" and nest and nest[-1] in ("(", "((")) or (char == "}" and nest and nest[-1] == "{"):
            nest.pop()
            at += 1
        elif char == "c" and (at == 0 or text[at - 1] in _ENDS_WORD) and _CASE.match(text, at):
            nest.append("case")
            at += 4
        elif char == "e" and nest and nest[-1] == "case" and _ESAC.match(text, at) and text[at - 1] in _ENDS_WORD:
            nest.pop()
            at += 4
        elif char == "#" and (at == 0 or text[at - 1] in _ENDS_WORD) and (not nest or nest[-1] in ("(", "`", "case")):
            end = text.find("\n", at)
            end = size if end < 0 else end
            found += [Quoting.COMMENT for start, _ in spans if at < start < end]
            at = end
        elif char == "<" and text.startswith("<<", at) and "((" not in nest:
            here = None if text.startswith("<<<", at) else _HERE.match(text, at)
            if here:
                waiting.append((here[2] or here[3] or here[4] or "", here[1] == "-"))
                at = here.end()
            else:
                at += 3 if text.startswith("<<<", at) else 2
        elif char == "\n" and waiting:
            end = _end_of_here(text, at + 1, waiting)
            found += [Quoting.HERE for start, _ in spans if at < start < end]
            waiting.clear()
            at = end
        else:
            at += 1
    return found


def _state(nest: Sequence[str]) -> Quoting:
    if _in_double(nest):
        return Quoting.DOUBLE
    # Quotes do not protect inside either: `$((…))` is expanded like a text, backticks are cut before quotes are read.
    if "`" in nest:
        return Quoting.BACKTICK
    return Quoting.ARITHMETIC if nest and nest[-1] == "((" else Quoting.BARE


def _in_double(nest: Sequence[str]) -> bool:
    """Whether the innermost quotes still hold: a command substitution inside them starts anew."""
    for kind in reversed(nest):
        if kind == '"':
            return True
        if kind != "{":
            return False
    return False


def _end_of_single(text: str, at: int, *, ansi: bool) -> int:
    while at < len(text):
        if ansi and text[at] == "\\":
            at += 2
            continue
        at += 1
        if text[at - 1] == "'":
            return at
    return len(text)


def _end_of_here(text: str, at: int, waiting: Sequence[tuple[str, bool]]) -> int:
    """Behind the last of the here-documents that start at this line."""
    for delimiter, tabs in waiting:
        while at < len(text):
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            line = text[at:end]
            at = min(end + 1, len(text))
            if (line.lstrip("\t") if tabs else line) == delimiter:
                break
    # The newline before what follows belongs to the script again.
    return at
