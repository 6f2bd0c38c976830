"""A table of digits as one file: pixels and labels; it does not know where they came from or what they are for."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE = 8
PIXELS = SIDE * SIDE
DARKEST = 16
HEADER = ",".join(["label", *(f"p{i:02d}" for i in range(PIXELS))])
"""The first line of every portion of the data."""


class Table(NamedTuple):
    """`pixels` has a row an image, row by row from the top left, 0 (paper) to 16 (ink); `labels` the digits 0 to 9."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def read_table(path: Path) -> Table:
    """The table in this file."""
    with np.load(path) as archive:
        return Table(archive["pixels"], archive["labels"])


def write_table(path: Path, table: Table) -> None:
    """Write a table; equal tables give equal bytes."""
    with path.open("wb") as file:
        np.savez_compressed(file, pixels=table.pixels, labels=table.labels)
