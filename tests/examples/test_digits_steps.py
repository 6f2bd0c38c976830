import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import joblib
import numpy as np
import pytest

from mlmake.examples.copy import home
from mlmake.examples.digits import evaluate, ingest, split, train
from mlmake.examples.digits.drawing import letters, matrix_svg
from mlmake.examples.digits.table import HEADER, Table, read_table

DATA = Path(home("digits")) / "data"
SMALL: dict[str, dict[str, Any]] = {
    "logreg": {"name": "a", "C": 0.1},
    "forest": {"name": "b", "trees": 10, "depth": 6},
    "mlp": {"name": "c", "hidden": 8, "lr": 0.01},
}


def run_all(folder: Path) -> None:
    """The whole workflow, small, as a shell script would run it."""
    folder.mkdir()
    ingest.run(DATA, folder / "table.npz", folder / "counts.json")
    parts = [folder / f"{part}.npz" for part in ("train", "validation", "test")]
    split.main([str(folder / "table.npz"), *map(str, parts), "--seed", "7", "--share", "0.2"])
    for algo, config in SMALL.items():
        train.run(parts[0], parts[1], algo, config, 7, folder / f"{algo}.joblib", folder / f"{algo}.json")
    models = [folder / "forest.joblib", folder / "mlp.joblib"]
    evaluate.run(models, parts[2], folder / "report.txt", folder / "confusion.svg", folder / "metrics.json")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits") / "first"
    run_all(folder)
    return folder


def test_the_same_inputs_give_the_same_bytes(built: Path) -> None:
    again = built.parent / "again"
    run_all(again)
    names = sorted(path.name for path in built.iterdir())
    assert len(names) == 14
    assert {name: (again / name).read_bytes() == (built / name).read_bytes() for name in names} == dict.fromkeys(
        names, True
    )


def test_the_parts_are_the_table_with_the_same_mix(built: Path) -> None:
    table = read_table(built / "table.npz")
    parts = [read_table(built / f"{part}.npz") for part in ("train", "validation", "test")]
    assert sorted(map(bytes, itertools.chain(*(part.pixels for part in parts)))) == sorted(map(bytes, table.pixels))
    shares = [len(part.labels) / len(table.labels) for part in parts]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.001)
    for digit in range(10):
        count = (table.labels == digit).sum()
        assert [(part.labels == digit).sum() for part in parts[1:]] == [round(count * 0.2)] * 2


def test_another_seed_draws_others() -> None:
    pixels = np.arange(600 * 64, dtype=np.uint32).reshape(600, 64)
    table = Table(pixels, np.arange(600, dtype=np.uint8) % 10)  # type: ignore[arg-type]
    drawn = [split.split(table, seed, 0.2)[2].pixels[:, 0].tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("share", ["0", "0.5", "-1"])
def test_a_share_that_leaves_nothing_is_refused(capsys: pytest.CaptureFixture[str], share: str) -> None:
    with pytest.raises(SystemExit):
        split.main(["t", "a", "b", "c", "--seed", "1", "--share", share])
    assert f"--share {float(share)}: must lie between 0 and 0.5" in capsys.readouterr().err


def test_the_figures_are_those_of_the_model_on_validation(built: Path) -> None:
    seen = read_table(built / "validation.npz")
    for algo in SMALL:
        figures = json.loads((built / f"{algo}.json").read_text())
        model = joblib.load(built / f"{algo}.joblib")
        assert figures["accuracy"] == pytest.approx((model.predict(seen.pixels) == seen.labels).mean(), abs=1e-6)
        assert figures["accuracy"] > 0.8
        assert set(figures) == {"accuracy", "f1", "log_loss"}


def test_the_report_and_the_picture_tell_the_ensemble_on_test(built: Path) -> None:
    test = read_table(built / "test.npz")
    models = [joblib.load(built / f"{algo}.joblib") for algo in ("forest", "mlp")]
    answers = np.mean([model.predict_proba(test.pixels) for model in models], axis=0).argmax(axis=1)
    right = (answers == test.labels).mean()
    assert json.loads((built / "metrics.json").read_text()) == {
        "accuracy": round(float(right), 6),
        "wrong": int((answers != test.labels).sum()),
    }
    report = (built / "report.txt").read_text()
    assert report.startswith(f"359 test digits, ensemble of 2 models: accuracy {right:.4f}\n")
    assert "  forest alone: accuracy 0." in report
    picture = ElementTree.parse(built / "confusion.svg").getroot()
    numbers = [
        int(text.text or "")
        for text in picture.iter("{http://www.w3.org/2000/svg}text")
        if text.text and text.text.isdecimal()
    ]
    # Twice ten names, and every field that is not empty.
    assert sum(numbers) == len(test.labels) + 2 * sum(range(10))


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(SystemExit, match="algo = 'svm': expected logreg, forest or mlp"):
        train.estimator("svm", {}, 0)


ROW = ",".join(["3"] + ["0"] * 64)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "{path}:1: the header is not label,p00,…,p63"),
        ("a,b\n1,2\n", "{path}:1: the header is not label,p00,…,p63"),
        (f"{HEADER}\n{ROW}\n1,2\n", "{path}:3: 2 values instead of 65"),
        (f"{HEADER}\n{ROW}\n\n", "{path}:3: 0 values instead of 65"),
        (f"{HEADER}\n{ROW.replace('3', '10')}\n", "{path}:2: the label 10 is no digit"),
        (f"{HEADER}\n{ROW[:-1]}17\n", "{path}:2: the pixel 17 is above 16"),
        (f"{HEADER}\n{ROW[:-1]}-1\n", "{path}:2: '-1' is no whole number"),
        (f"{HEADER}\n{ROW[:-1]}\n", "{path}:2: '' is no whole number"),
        (f"{HEADER}\n{ROW[:-1]}1.5\n", "{path}:2: '1.5' is no whole number"),
        (f"{HEADER}\n{ROW[:-1]}²\n", "{path}:2: '\ufffd\ufffd' is no whole number"),
    ],
)
def test_a_bad_portion_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "portion-01.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as refused:
        ingest.run(tmp_path, tmp_path / "table.npz", tmp_path / "counts.json")
    assert refused.value.code == message.format(path=path)
    assert not (tmp_path / "table.npz").exists()


def test_a_folder_without_digits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no CSV files; expected portions named like portion-01\.csv"):
        ingest.run(tmp_path, tmp_path / "t", tmp_path / "c")
    (tmp_path / "portion-01.csv").write_text(HEADER + "\n")
    with pytest.raises(SystemExit, match="its portions hold no digits"):
        ingest.run(tmp_path, tmp_path / "t", tmp_path / "c")


@pytest.fixture
def fields() -> Callable[[str], list[dict[str, str]]]:
    def read(svg: str) -> list[dict[str, str]]:
        return [rect.attrib for rect in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect")][1:]

    return read


def test_a_matrix_is_drawn_field_by_field(fields: Callable[[str], list[dict[str, str]]]) -> None:
    drawn = fields(matrix_svg([[3, 1], [0, 2]], ["a", "b"]))
    assert [(field["x"], field["y"]) for field in drawn] == [("40", "40"), ("80", "40"), ("40", "80"), ("80", "80")]
    assert [field["fill-opacity"] for field in drawn] == ["0.750", "0.250", "0.000", "1.000"]
    assert [field["fill"] == "#c0392b" for field in drawn] == [False, True, True, False]


def test_an_image_in_letters() -> None:
    assert letters([0, 16, 8, 0], 2, 16) == "  @@\n==  "
