import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

from mlmake.examples.copy import CannotCopy, checkout_text, copy_example, home, mlfile_text

ROOT = Path(__file__).parents[2]
STEPS = {"__init__", "drawing", "evaluate", "features", "ingest", "overview", "split", "survey", "table", "train"}


def test_a_copy_is_a_whole_project(tmp_path: Path) -> None:
    written = copy_example("digits", str(tmp_path / "new" / "mine"))
    project = tmp_path / "new" / "mine"
    there = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}
    assert set(written) == there
    assert there == {
        "Mlfile",
        "README.md",
        ".gitignore",
        *(f"steps/{name}.py" for name in STEPS),
        *(f"data/portion-{number:02d}.csv" for number in range(1, 10)),
    }
    assert (project / "Mlfile").read_text() == mlfile_text("digits")
    for name in STEPS:
        assert (project / f"steps/{name}.py").read_bytes() == (Path(home("digits")) / f"{name}.py").read_bytes()


@pytest.mark.parametrize(("text", "package"), [("project", "steps"), ("checkout", "mlmake.examples.digits")])
def test_both_mlfiles_call_what_is_there(text: str, package: str) -> None:
    mlfile = tomllib.loads({"project": mlfile_text, "checkout": checkout_text}[text]("digits"))
    called = [target["call"] for target in mlfile["target"].values() if "call" in target]
    assert called == [f"{package}.{name}:run" for name in ("ingest", "train", "evaluate", "survey", "overview")]
    assert f"-m {package}.split " in mlfile["target"]["split"]["run"]
    instances = sum(len(table["algo"]) * len(table["config"]) for table in mlfile["target"]["train"]["matrix"])
    assert instances == 9
    assert mlfile["serve"] == {"digits": {"models": ":best", "aggregate": "mean"}}
    assert all(target["help"] for target in mlfile["target"].values())


def test_the_copied_steps_run_without_mlmake(tmp_path: Path) -> None:
    copy_example("digits", str(tmp_path))
    script = """
import sys
sys.modules["mlmake"] = None
from pathlib import Path
from steps import evaluate, ingest, split, train
Path("build").mkdir()
ingest.run(Path("data"), Path("build/table.npz"), Path("build/counts.json"))
split.main(["build/table.npz", "build/a", "build/b", "build/c", "--seed", "1", "--share", "0.1"])
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert "1797 digits from 9 portions" in ran.stdout


@pytest.mark.parametrize("path", ["Mlfile", "Mlfile.toml", "steps/train.py", ".gitignore"])
def test_nothing_is_overwritten(tmp_path: Path, path: str) -> None:
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text("mine")
    with pytest.raises(CannotCopy) as cannot:
        copy_example("digits", str(tmp_path))
    assert str(cannot.value) == (
        f"{os.path.join(tmp_path, path)} is there already and is not overwritten; choose another folder"
    )
    assert [str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()] == [path]
    assert (tmp_path / path).read_text() == "mine"


def test_a_dangling_link_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "Mlfile").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotCopy, match="Mlfile is there already"):
        copy_example("digits", str(tmp_path))
    assert not (tmp_path / "elsewhere").exists()


def test_an_unknown_example_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotCopy, match="there is no example 'digit'; there is digits"):
        copy_example("digit", str(tmp_path))


@pytest.mark.slow
def test_an_installed_wheel_brings_the_example(tmp_path: Path) -> None:
    """Needs a package registry for the build back end."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)], check=True
    )
    (wheel,) = tmp_path.glob("mlmake-*.whl")
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv/bin/python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", str(wheel)], check=True
    )
    laid = "import sys; from mlmake.examples.copy import copy_example; copy_example('digits', sys.argv[1])"
    subprocess.run([python, "-I", "-c", laid, str(tmp_path / "wheel")], cwd=tmp_path, check=True)
    copy_example("digits", str(tmp_path / "checkout"))
    for path in (tmp_path / "checkout").rglob("*"):
        if path.is_file():
            assert (tmp_path / "wheel" / path.relative_to(tmp_path / "checkout")).read_bytes() == path.read_bytes()
