import gc
import io
import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import joblib
import pytest
from xxhash import xxh3_128_hexdigest

from mlmake.model.digest import Digest
from mlmake.model.release import ReleasedFile, ReleasedModel
from mlmake.serving.loader import Refused, fetch, load, open_model


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
        "train: no loader for model.bin; write the model to a file that ends in .joblib, .pickle, .pkl, "
        '.onnx, .skops, or name a function: loader = "module:function"'
    )


def test_recorded_bytes_that_are_no_pickle_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"no pickle")
    with pytest.raises(Refused, match=r"train: .*model\.pkl cannot be opened: UnpicklingError: .*project's modules"):
        load(ReleasedModel("train", str(path), Digest(xxh3_128_hexdigest(b"no pickle")), 1))


class Store:
    """A content store with these bytes."""

    def __init__(self, **held: bytes) -> None:
        self.held = held

    def content(self, name: str) -> bytes | None:
        return self.held.get(name)


def test_bytes_that_were_moved_aside_come_from_the_store(store: Callable[..., ReleasedModel]) -> None:
    model = replace(store("train", {"a": 1}), object="x")
    content = Path(model.path).read_bytes()
    Path(model.path).write_bytes(pickle.dumps({"a": 2}))
    assert load(model, Store(x=content)) == {"a": 1}
    Path(model.path).unlink()
    assert load(model, Store(x=content)) == {"a": 1}
    with pytest.raises(Refused, match="No such file"):
        load(model, Store(x=pickle.dumps({"a": 2})))
    with pytest.raises(Refused, match="No such file"):
        load(replace(model, object=None), Store(x=content))


def with_path(path: Path) -> str:
    return f"{path.name}: {path.read_text()}"


def with_outputs(outputs: dict[str, Path]) -> dict[str, str]:
    return {name: path.read_text() for name, path in outputs.items()}


def test_an_own_loader_gets_a_private_copy_that_lasts_as_long_as_it_is_held(tmp_path: Path) -> None:
    files = {}
    for name in ("weights", "words"):
        (tmp_path / f"{name}.txt").write_text(name)
        files[name] = ReleasedFile(str(tmp_path / f"{name}.txt"), Digest(xxh3_128_hexdigest(name.encode())))
    model = ReleasedModel("train", files["weights"].path, files["weights"].digest, 1, outputs=files)
    fetched = fetch(model, f"{__name__}:with_path", None)
    for file in files.values():
        Path(file.path).unlink()
    assert open_model(model, fetched, f"{__name__}:with_path") == "weights.txt: weights"
    assert open_model(model, fetched, f"{__name__}:with_outputs") == {"weights": "weights", "words": "words"}
    copy = Path(fetched.path)
    assert copy.exists()
    del fetched
    gc.collect()
    assert not copy.exists()
    with pytest.raises(Refused, match="cannot read"):
        fetch(model, f"{__name__}:with_path", None)


def test_a_loader_may_be_named_against_the_suffix(store: Callable[..., ReleasedModel]) -> None:
    model = store("train", {"a": 1}, suffix=".bin")
    assert open_model(model, fetch(model, "pickle", None), "pickle") == {"a": 1}


@pytest.mark.parametrize(("suffix", "package"), [(".onnx", "onnxruntime"), (".skops", "skops")])
def test_a_missing_extra_is_named(
    store: Callable[..., ReleasedModel], monkeypatch: pytest.MonkeyPatch, suffix: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "mlmake.serving.onnx", raising=False)
    with pytest.raises(Refused, match=rf"wants the package {package}: pip install 'mlmake\[{suffix[1:]}\]'"):
        load(store("train", {"a": 1}, suffix=suffix))


class Leaves:
    """A pickle that ends the process when it is opened."""

    def __reduce__(self) -> tuple[object, ...]:
        return (sys.exit, ("gone",))


def test_who_wants_to_end_the_process_is_refused(store: Callable[..., ReleasedModel]) -> None:
    with pytest.raises(Refused, match="cannot be opened: SystemExit: gone"):
        load(store("train", Leaves()))
