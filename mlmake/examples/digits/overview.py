"""Sets the counts of all portions side by side; it does not know how they were counted."""

import json
from collections.abc import Sequence
from pathlib import Path


def run(counts: Sequence[Path], table: Path) -> None:
    """Write a line a portion: its images, then how many of each digit."""
    digits = [str(digit) for digit in range(10)]
    rows = [["portion", "images", *digits]]
    for path in counts:
        found = json.loads(path.read_text())
        rows.append([path.stem, str(found["records"]), *(str(found[digit]) for digit in digits)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    table.write_text("\n".join(lines) + "\n")
