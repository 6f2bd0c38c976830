"""Splits the table into train, validation and test, a command of its own; it does not know what is trained.

python -m mlmake.examples.digits.split TABLE TRAIN VALIDATION TEST --seed 7 --share 0.2
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .table import Table, read_table, write_table


def split(table: Table, seed: int, share: float) -> tuple[Table, Table, Table]:
    """Train, validation and test; the last two get `share` of each digit's images each, drawn by `seed`."""
    draw = np.random.default_rng(seed)
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for digit in np.unique(table.labels):
        rows = draw.permutation(np.flatnonzero(table.labels == digit)).tolist()
        held = round(len(rows) * share)
        parts[0].extend(rows[2 * held :])
        parts[1].extend(rows[:held])
        parts[2].extend(rows[held : 2 * held])
    train, validation, test = (Table(table.pixels[sorted(part)], table.labels[sorted(part)]) for part in parts)
    return train, validation, test


def main(words: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Split a table of digits, the same mix of digits in each part.")
    parser.add_argument("table", type=Path)
    parser.add_argument("parts", type=Path, nargs=3, metavar="PART", help="train, validation, test")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--share", type=float, required=True, help="of the images, for validation and for test each")
    asked = parser.parse_args(words)
    if not 0 < asked.share < 0.5:
        parser.error(f"--share {asked.share}: must lie between 0 and 0.5, or nothing is left to train on")
    for path, part in zip(asked.parts, split(read_table(asked.table), asked.seed, asked.share), strict=True):
        write_table(path, part)
        print(f"{path}: {len(part.labels)} digits")


if __name__ == "__main__":
    main()
