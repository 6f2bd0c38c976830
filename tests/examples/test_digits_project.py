import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mlmake.examples.copy import copy_example


def mlmake(project: Path, *words: str) -> str:
    """What the command prints; it must succeed."""
    ran = subprocess.run(
        [sys.executable, "-m", "mlmake", *words], cwd=project, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def ran(project: Path) -> list[str]:
    """Which instances a build runs, in the order of their names."""
    events = [json.loads(line) for line in mlmake(project, "--json", "build", "-j2").splitlines()]
    finished = [event for event in events if event["event"] == "target-finished"]
    assert {event["outcome"] for event in finished} <= {"ran", "skipped"}
    return sorted(event["instance"] for event in finished if event["outcome"] == "ran")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits") / "mine"
    copy_example("digits", str(folder))
    return folder


def test_the_main_job(project: Path) -> None:
    """From portions to picture, then one change after another; each runs what depends on it and nothing else."""
    first = ran(project)
    trainings = [instance for instance in first if instance.startswith("train@")]
    assert len(trainings) == 9
    assert first == sorted([*trainings, "ingest", "split", "best", "evaluate"])
    report = (project / "build/report.txt").read_text()
    found = re.match(r"359 test digits, ensemble of 2 models: accuracy (0\.9\d+)\n", report)
    assert found
    assert float(found[1]) > 0.95
    ElementTree.parse(project / "build/confusion.svg")
    selected = json.loads((project / "build/best.json").read_text())["selected"]
    assert [entry["rank"] for entry in selected] == [1, 2]

    assert ran(project) == []

    features = project / "steps/features.py"
    features.write_text(features.read_text() + "# The models stay the same, so nothing after them runs.\n")
    assert ran(project) == trainings

    mlfile = project / "Mlfile"
    mlfile.write_text(mlfile.read_text().replace("hidden = 16, lr = 0.01", "hidden = 16, lr = 0.02"))
    assert ran(project) == ["best", "train@algo=mlp,config=narrow"]


def test_the_trained_models_answer(project: Path) -> None:
    """Served without building; stopped by TERM."""
    mlmake(project)
    command = [sys.executable, "-m", "mlmake", "serve", "--port", "0", "--no-build"]
    server = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert server.stderr is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found
        # The line that names who answers comes when they do.
        assert "train@" in server.stderr.readline()
        tensor = {"name": "input", "datatype": "FP32", "shape": [1, 64], "data": [0] * 64}
        request = urllib.request.Request(
            f"{found[0]}/v2/models/digits/infer",
            json.dumps({"inputs": [tensor]}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            named = response.headers["x-mlmake-models"].split()
        selected = json.loads((project / "build/best.json").read_text())["selected"]
        assert named == [f"{entry['instance']}:{entry['outputs']['model']['digest']}" for entry in selected]
    finally:
        server.send_signal(signal.SIGTERM)
        said = server.communicate(timeout=30)
    assert server.returncode == 128 + signal.SIGTERM, said
    assert not os.path.exists(project / "build/digits")


def test_a_portion_that_comes_is_surveyed_alone(tmp_path: Path) -> None:
    """The survey has an instance for each portion that is there; what one that went has left goes too."""
    project = tmp_path / "mine"
    copy_example("digits", str(project))
    mlmake(project, "-q", "overview")
    lines = (project / "build/overview.txt").read_text().splitlines()
    assert [line.split()[:2] for line in lines][:2] == [["portion", "images"], ["portion-01", "200"]]
    assert len(lines) == 10
    rows = (project / "data/portion-01.csv").read_text().splitlines(keepends=True)
    (project / "data/portion-10.csv").write_text("".join(rows[:21]))
    events = [json.loads(line) for line in mlmake(project, "--json", "build", "overview").splitlines()]
    finished = {event["instance"]: event["outcome"] for event in events if event["event"] == "target-finished"}
    new = "survey@portion=data/portion-10.csv"
    assert {name for name, outcome in finished.items() if outcome == "ran"} == {new, "overview"}
    assert len(finished) == 11
    (project / "data/portion-10.csv").unlink()
    mlmake(project, "-q", "overview")
    assert not (project / "build/survey/portion-10.json").exists()
    assert (project / "build/overview.txt").read_text().splitlines() == lines
