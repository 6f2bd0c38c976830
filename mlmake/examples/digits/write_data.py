"""Lays scikit-learn's digits into `data/` as portions of CSV; run once, by hand; no step knows it.

python -m mlmake.examples.digits.write_data
"""

from pathlib import Path

from sklearn.datasets import load_digits

from .table import HEADER

ROWS = 200
"""Images in a portion."""


def portions() -> list[str]:
    """The text of every portion, in order."""
    digits = load_digits()
    lines = [
        ",".join(str(int(number)) for number in (label, *image))
        for label, image in zip(digits.target, digits.data, strict=True)
    ]
    return ["\n".join([HEADER, *lines[start : start + ROWS]]) + "\n" for start in range(0, len(lines), ROWS)]


if __name__ == "__main__":
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(portions(), start=1):
        (folder / f"portion-{number:02d}.csv").write_text(text, encoding="ascii")
