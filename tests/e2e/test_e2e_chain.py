"""`why evaluate` leads from the report through the selection and the trainings to the parameter, before and after."""

import os
import subprocess
import sys

import pytest

MLFILE = """
[params]
lr = 0.1
[target.train]
inputs  = ["data.txt"]
outputs = { model = "build/{algo}.bin", metrics = "build/{algo}.json" }
metrics = "metrics"
run     = '''cat {inputs} > {outputs.model}; echo {algo} {params.lr} >> {outputs.model}
printf '{"score": %s}' {params.lr} > {outputs.metrics}'''
matrix  = { algo = ["a", "b", "c"] }
[target.best]
inputs  = [":train"]
outputs = ["build/best.json"]
select  = { by = "score", top = 2 }
[target.evaluate]
inputs  = { models = ":best.model" }
outputs = ["build/report.txt"]
run     = "cat {inputs.models} > {outputs}"
"""
CHAIN = "evaluate ← best ← 3 × train ← parameter lr 0.1 → 0.01"


@pytest.fixture
def mlmake(tmp_path):
    (tmp_path / "Mlfile").write_text(MLFILE)
    (tmp_path / "data.txt").write_text("data\n")

    def call(*words: str) -> str:
        argv = [sys.executable, "-m", "mlmake", *words]
        return subprocess.run(
            argv, cwd=tmp_path, env={**os.environ, "PYTHONUTF8": "1"}, check=True, capture_output=True, text=True
        ).stdout

    return call


def test_the_chain_of_causes_before_and_after_the_build(mlmake):
    mlmake("-q")
    before = mlmake("why", "evaluate", "--set", "lr=0.01").splitlines()
    assert before[:2] == ["evaluate may run because build/best.json may change", CHAIN]
    mlmake("-q", "--set", "lr=0.01")
    after = mlmake("why", "evaluate", "--set", "lr=0.01").splitlines()
    assert after[0].startswith("evaluate is up to date; it last ran in ")
    assert after[1] == CHAIN
