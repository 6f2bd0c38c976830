from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from mlmake.examples.copy import checkout_text, home
from mlmake.examples.digits import ingest
from mlmake.examples.digits.table import read_table
from mlmake.examples.digits.write_data import portions

ROOT = Path(__file__).parents[2]
DATA = Path(home("digits")) / "data"


def test_the_portions_are_what_the_script_writes() -> None:
    kept = [path.read_text() for path in sorted(DATA.iterdir())]
    assert kept == portions()
    assert len(kept) == 9


def test_the_table_holds_the_real_digits(tmp_path: Path) -> None:
    ingest.run(DATA, tmp_path / "table.npz", tmp_path / "counts.json")
    table, digits = read_table(tmp_path / "table.npz"), load_digits()
    assert np.array_equal(table.pixels, digits.data)
    assert np.array_equal(table.labels, digits.target)
    assert (tmp_path / "counts.json").read_text() == '{\n  "records": 1797,\n  "portions": 9\n}\n'


def test_the_example_at_the_top_is_the_template_rendered() -> None:
    assert (ROOT / "Mlfile.example").read_text(encoding="utf-8") == checkout_text("digits")
