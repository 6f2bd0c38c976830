"""Counts the digits of one portion of the data; it does not know the other portions."""

import json
from collections import Counter
from pathlib import Path

from .ingest import read_portion


def run(portion: Path, counts: Path) -> None:
    """Write how many images there are, and how many of each digit."""
    labels = Counter(row[0] for row in read_portion(portion))
    found = {"records": labels.total(), **{str(digit): labels[digit] for digit in range(10)}}
    counts.write_text(json.dumps(found, indent=2) + "\n")
