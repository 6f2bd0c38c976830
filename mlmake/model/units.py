"""Durations and sizes: their text and their value; it knows nothing of clocks or disks."""

import re
from typing import NewType

Seconds = NewType("Seconds", float)
Bytes = NewType("Bytes", int)

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_PLAIN = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_ISO = re.compile(
    r"P(?:(?P<w>\d+)W)?(?:(?P<d>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<h>\d+(?:\.\d+)?)H)?(?:(?P<m>\d+(?:\.\d+)?)M)?(?:(?P<s>\d+(?:\.\d+)?)S)?)?"
)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGTP]?i?)B?", re.IGNORECASE)
_PREFIXES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15} | {
    "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40, "pi": 2**50
}  # fmt: skip


def seconds(text: str) -> Seconds | None:
    """`90s`, `15m`, `6h`, `14d`, `2w`, sums like `1d12h`, or ISO 8601 `P14D`; None if it is none of these."""
    if _PLAIN.fullmatch(text):
        return Seconds(sum(float(n) * _UNITS[unit] for n, unit in _PART.findall(text)))
    iso = _ISO.fullmatch(text)
    if iso and any(iso.groupdict().values()) and not text.endswith("T"):
        return Seconds(sum(float(n) * _UNITS[unit] for unit, n in iso.groupdict().items() if n))
    return None


def size(text: str) -> Bytes | None:
    """`500 MB`, `2 GiB`, `1024`; None if it is no size."""
    match = _SIZE.fullmatch(text.strip())
    if not match or match[2].lower() not in _PREFIXES:
        return None
    return Bytes(int(float(match[1]) * _PREFIXES[match[2].lower()]))


def show_seconds(value: float) -> str:
    """A duration for people: `0.3 s`, `12 s`, `3 min 05 s`, `2 h 10 min`, `14 d`."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    days, rest = divmod(whole, 86400)
    return f"{days} d" if rest < 3600 else f"{days} d {rest // 3600} h"


def show_bytes(value: float) -> str:
    """A size for people: `512 B`, `3.4 KiB`, `2.0 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
