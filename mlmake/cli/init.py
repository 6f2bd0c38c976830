"""`mlmake init`: a project that builds at once; it builds nothing."""

import os

import click

from mlmake.cli.ending import WrongUse
from mlmake.cli.settings import Settings, command, later
from mlmake.views.screen import printable

FILES = {
    "Mlfile": """\
# What this project builds. `mlmake` builds it, `mlmake plan` says what would run, `mlmake why errors` says why.

[target.fit]
help    = "Fit a line through the measured points"
inputs  = { points = "data/points.csv" }
outputs = { model = "build/model-{method}.json", metrics = "build/metrics-{method}.json" }
metrics = "metrics"
call    = "steps.fit:run"

[target.fit.matrix]
method = ["least-squares", "median-slope"]

[target.errors]
help    = "All errors in one table"
inputs  = [":fit.metrics"]
outputs = ["build/errors.txt"]
run     = "cat {inputs} > {outputs[0]}"
""",
    "data/points.csv": "x,y\n0,1.1\n1,2.9\n2,5.2\n3,7.1\n4,8.8\n5,11.3\n6,12.9\n7,15.2\n",
    "steps/fit.py": '''\
"""Fits y = slope * x + offset to points."""

import csv
import json
from statistics import mean, median


def run(points, method, model, metrics):
    """Each argument is offered by name: inputs and outputs as paths, `method` from the matrix."""
    with points.open() as file:
        rows = [(float(row["x"]), float(row["y"])) for row in csv.DictReader(file)]
    slope = least_squares(rows) if method == "least-squares" else median_slope(rows)
    offset = mean(y - slope * x for x, y in rows)
    error = mean(abs(slope * x + offset - y) for x, y in rows)
    model.write_text(json.dumps({"slope": slope, "offset": offset}) + "\\n")
    metrics.write_text(json.dumps({"error": error}) + "\\n")
    print(f"{method}: y = {slope:.3f} x + {offset:.3f}, mean error {error:.3f}")


def least_squares(rows):
    """The slope with the smallest sum of squared errors."""
    middle_x, middle_y = mean(x for x, _ in rows), mean(y for _, y in rows)
    return sum((x - middle_x) * (y - middle_y) for x, y in rows) / sum((x - middle_x) ** 2 for x, _ in rows)


def median_slope(rows):
    """The median of the slopes between all pairs of points."""
    return median((b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(rows) for b in rows[i + 1 :])
''',
    ".gitignore": "/build/\n/.mlmake/\n__pycache__/\n",
}
"""The smallest project that shows a matrix, a Python step, a shell step and metrics."""

KEPT = frozenset({".gitignore"})
"""Files that are left as they are if they are there already."""


@command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False))
@click.option("--example", metavar="NAME", help="A larger one: digits.")
@later("--vscode", is_flag=True, help="Settings for the editor.")
def init(settings: Settings, folder: str, example: str | None) -> int:
    """Write a project that builds at once into DIR, or here."""
    if settings.directory:
        folder = os.path.join(settings.directory, folder)
    written = lay(folder) if example is None else lay_example(example, folder)
    if not settings.quiet:
        for name in written:
            print(printable(os.path.normpath(os.path.join(folder, name))))
        away = os.path.normpath(folder) != "."
        print("Build it: " + (f"cd {printable(folder)} && mlmake" if away else "mlmake"))
    return 0


def lay(folder: str) -> list[str]:
    """Write the small project; gives the names written. Raises `WrongUse`, before anything is written."""
    there = [name for name in (*FILES, "Mlfile.toml") if os.path.lexists(os.path.join(folder, name))]
    if taken := [name for name in there if name not in KEPT]:
        raise WrongUse(
            f"{os.path.join(folder, taken[0])} is there already and is not overwritten; choose another folder"
        )
    written = [name for name in FILES if name not in there]
    for name in written:
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            file.write(FILES[name])
    return written


def lay_example(name: str, folder: str) -> list[str]:
    """Write an example; gives the names written. Raises `WrongUse`."""
    # Wanted for this option only.
    from mlmake.examples.copy import CannotCopy, copy_example  # noqa: PLC0415

    try:
        return copy_example(name, folder)
    except CannotCopy as error:
        raise WrongUse(str(error)) from error
