"""Joins all portions of the data into one clean table; it does not know how the table will be used."""

import csv
import json
from pathlib import Path

import numpy as np

from .table import DARKEST, HEADER, PIXELS, Table, write_table


def run(source: Path, table: Path, counts: Path) -> None:
    """Read every CSV file in the folder `source`, in order of name, and refuse what is no digit."""
    portions = sorted(source.glob("*.csv"))
    if not portions:
        raise SystemExit(f"{source}: no CSV files; expected portions named like portion-01.csv")
    rows = [row for portion in portions for row in read_portion(portion)]
    if not rows:
        raise SystemExit(f"{source}: its portions hold no digits")
    numbers = np.array(rows, dtype=np.uint8)
    write_table(table, Table(pixels=numbers[:, 1:], labels=numbers[:, 0]))
    found = {"records": len(rows), "portions": len(portions)}
    counts.write_text(json.dumps(found, indent=2) + "\n")
    print(f"{found['records']} digits from {found['portions']} portions")


def read_portion(path: Path) -> list[list[int]]:
    """The rows of one portion: a label from 0 to 9, then 64 pixels from 0 to 16."""
    with path.open(newline="", encoding="ascii", errors="replace") as file:
        lines = csv.reader(file)
        if ",".join(next(lines, [])) != HEADER:
            raise SystemExit(f"{path}:1: the header is not label,p00,…,p{PIXELS - 1}")
        return [clean(line, f"{path}:{number}") for number, line in enumerate(lines, start=2)]


def clean(line: list[str], place: str) -> list[int]:
    """One row as numbers; what is wrong with it is said with its place."""
    if len(line) != 1 + PIXELS:
        raise SystemExit(f"{place}: {len(line)} values instead of {1 + PIXELS}")
    if not all(text.isdecimal() for text in line):
        raise SystemExit(f"{place}: {next(text for text in line if not text.isdecimal())!r} is no whole number")
    label, *pixels = map(int, line)
    if label > 9:
        raise SystemExit(f"{place}: the label {label} is no digit")
    if max(pixels) > DARKEST:
        raise SystemExit(f"{place}: the pixel {max(pixels)} is above {DARKEST}")
    return [label, *pixels]
