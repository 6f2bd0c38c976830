import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import joblib
import pytest
from xxhash import xxh3_128_hexdigest

from mlmake.model.digest import Digest
from mlmake.model.release import ReleasedModel
from mlmake.serving.loader import Refused, load


class Trap:
    """A pickle that leaves a file when it is opened."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (self.path,))


@pytest.mark.parametrize("suffix", [".pkl", ".pickle"])
def test_recorded_pickle_is_opened(store: Callable[..., ReleasedModel], suffix: str) -> None:
    assert load(store("train", {"a": 1}, suffix=suffix)) == {"a": 1}


@pytest.mark.parametrize("compress", [0, 3])
def test_recorded_joblib_is_opened(tmp_path: Path, compress: int) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump({"a": [1, 2]}, path, compress=compress)
    model = ReleasedModel("train", str(path), Digest(xxh3_128_hexdigest(path.read_bytes())), 1)
    assert load(model) == {"a": [1, 2]}


def test_other_bytes_are_not_opened(store: Callable[..., ReleasedModel], tmp_path: Path) -> None:
    model = store("train@algo=mlp", {"a": 1})
    Path(model.path).write_bytes(pickle.dumps(Trap(str(tmp_path / "opened"))))
    found = xxh3_128_hexdigest(Path(model.path).read_bytes())
    with pytest.raises(Refused) as refused:
        load(model)
    assert str(refused.value) == (
        f"train@algo=mlp: {model.path} is not what the build recorded (digest {found[:12]}… instead of "
        f"{model.digest[:12]}…), so it is not opened; mlmake build train@algo=mlp makes it again"
    )
    assert not (tmp_path / "opened").exists()


def test_the_trap_works(tmp_path: Path) -> None:
    pickle.load(io.BytesIO(pickle.dumps(Trap(str(tmp_path / "opened")))))
    assert (tmp_path / "opened").exists()


def test_missing_file_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "gone.pkl")
    with pytest.raises(Refused) as refused:
        load(ReleasedModel("train", path, Digest("0" * 32), 1))
    assert str(refused.value) == (
        f"train: cannot read {path}: No such file or directory; mlmake build train makes it again"
    )


def test_unknown_suffix_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        load(ReleasedModel("train", "model.bin", Digest("0" * 32), 1))
    assert str(refused.value) == (
        "train: no loader for model.bin; write the model to a file that ends in .joblib, .pickle, .pkl"
    )


def test_recorded_bytes_that_are_no_pickle_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"no pickle")
    with pytest.raises(Refused, match=r"train: .*model\.pkl cannot be opened: UnpicklingError: .*project's modules"):
        load(ReleasedModel("train", str(path), Digest(xxh3_128_hexdigest(b"no pickle")), 1))
