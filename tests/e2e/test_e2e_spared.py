"""What a user had laid where the first result goes is kept, also a whole folder; what mlmake made is dropped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def mlmake(tmp_path):
    def call(*words: str) -> str:
        argv = [sys.executable, "-m", "mlmake", *words]
        return subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, text=True).stderr

    return call


def kept(tmp_path) -> list[str]:
    return [os.path.join(at, name) for at, _, names in os.walk(tmp_path / ".mlmake" / "replaced") for name in names]


def test_a_model_of_before_the_first_build_is_kept(tmp_path, mlmake):
    (tmp_path / "Mlfile").write_text('[target.t]\noutputs = ["m", "o"]\nrun = "echo new > m; echo new > o"\n')
    (tmp_path / "m").write_text("two weeks of training\n")
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "precious").write_text("mine\n")
    told = mlmake()
    assert "what lay at its outputs before it was first built is kept in " in told
    assert sorted(Path(path).read_text() for path in kept(tmp_path)) == ["mine\n", "two weeks of training\n"]
    assert (tmp_path / "m").read_text() == (tmp_path / "o").read_text() == "new\n"


def test_what_is_the_same_or_was_made_here_is_not(tmp_path, mlmake):
    (tmp_path / "Mlfile").write_text('[params]\nn = 1\n[target.t]\noutputs = ["m"]\nrun = "echo {params.n} > m"\n')
    (tmp_path / "m").write_text("1\n")
    mlmake()
    mlmake("--set", "n=2")
    assert (tmp_path / "m").read_text() == "2\n"
    assert kept(tmp_path) == []


def test_a_group_of_something_that_is_not_there_fails(tmp_path):
    (tmp_path / "Mlfile").write_text(
        '[target.a]\noutputs = ["a"]\nrun = "echo > a"\n[target.all]\ninputs = [":a", "missing.txt"]\n'
    )
    argv = [sys.executable, "-m", "mlmake", "all"]
    ended = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "all" in ended.stderr and "missing.txt does not exist and no target makes it" in ended.stderr
