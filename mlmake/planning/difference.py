"""Where two contents that should be equal first differ, in a sentence; it does not know what they are of."""

import json
from collections.abc import Mapping

LONGEST = 48
"""Characters of a value that are shown."""


def difference(first: bytes, second: bytes) -> str:
    """Where they first differ: a value in JSON, a line in text, else a byte. They are not equal."""
    texts = _text(first), _text(second)
    if texts[0] is None or texts[1] is None:
        return _in_bytes(first, second)
    return _in_json(texts[0], texts[1]) or _in_lines(texts[0], texts[1])


def byte_difference(place: int, sizes: tuple[int, int]) -> str:
    """That they differ from a byte on, counted from 0."""
    if sizes[0] != sizes[1]:
        return f"from byte {place} on; {sizes[0]} bytes and {sizes[1]}"
    return f"from byte {place} on, of {sizes[0]}"


def _text(data: bytes) -> str | None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _in_json(first: str, second: str) -> str | None:
    try:
        values = json.loads(first), json.loads(second)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(value, dict | list) for value in values):
        return None
    try:
        return _in_values(*values, "") or f"the same values, written in another way: {_in_lines(first, second)}"
    except RecursionError:
        return None


def _in_values(first: object, second: object, where: str) -> str | None:
    match first, second:
        case Mapping(), Mapping():
            for key in first:
                inner = f"{where}.{key}" if where else str(key)
                if key not in second:
                    return f"at {inner}: {_shown(first[key])} → nothing"
                if found := _in_values(first[key], second[key], inner):
                    return found
            added = next((key for key in second if key not in first), None)
            return (
                None
                if added is None
                else f"at {f'{where}.' if where else ''}{added}: nothing → {_shown(second[added])}"
            )
        case list(), list():
            for place, (one, other) in enumerate(zip(first, second, strict=False)):
                if found := _in_values(one, other, f"{where}[{place}]"):
                    return found
            return None if len(first) == len(second) else f"at {where or 'the top'}: {len(first)} items → {len(second)}"
        case _:
            # NaN is written alike and equal to nothing, and 1 is 1.0 only to Python.
            same = json.dumps(first) == json.dumps(second)
            return None if same else f"at {where or 'the top'}: {_shown(first)} → {_shown(second)}"


def _in_lines(first: str, second: str) -> str:
    olds, news = first.split("\n"), second.split("\n")
    for number, (old, new) in enumerate(zip(olds, news, strict=False), 1):
        if old != new:
            column = next(
                (i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
            )
            start = max(0, column - LONGEST // 2) if max(len(old), len(new)) > LONGEST else 0
            return f"at line {number}: {_cut(old, start)} → {_cut(new, start)}"
    return f"from line {min(len(olds), len(news))} on; {len(olds)} lines and {len(news)}"


def _in_bytes(first: bytes, second: bytes) -> str:
    shorter = min(len(first), len(second))
    place = next((i for i in range(shorter) if first[i] != second[i]), shorter)
    return byte_difference(place, (len(first), len(second)))


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _cut(line: str, start: int) -> str:
    part = line[start : start + LONGEST]
    before, after = "…" if start else "", "…" if start + LONGEST < len(line) else ""
    return f'"{before}{part}{after}"'
