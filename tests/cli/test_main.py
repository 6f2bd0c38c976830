"""The process itself: closed streams, a folder that is gone, signals, a server that is ended."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

MLMAKE = [sys.executable, "-m", "mlmake"]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "Mlfile").write_text(
        '[target.a]\nrun = "echo a > {outputs[0]}"\noutputs = ["a"]\n'
        '[target.slow]\nrun = "echo begun; sleep 60"\noutputs = ["b"]\nmanual = true\n'
    )
    return tmp_path


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams_harm_nothing(project, closing):
    for _ in range(2):
        done = subprocess.run(["bash", "-c", f"{sys.executable} -m mlmake {closing}"], cwd=project)
        assert done.returncode == 0
    assert (project / "a").read_text() == "a\n"


def test_a_build_whose_reader_has_gone_is_finished(project):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*MLMAKE, "--json"], cwd=project, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (project / "a").exists()


def test_a_folder_that_is_gone_is_a_message(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"rmdir {gone}; exec {sys.executable} -m mlmake"
    done = subprocess.run(
        ["bash", "-c", script], cwd=gone, capture_output=True, text=True, env={**os.environ, "PYTHONSAFEPATH": "1"}
    )
    assert done.returncode == 4
    assert done.stderr.startswith("mlmake: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["int", "term", "hup"]
)
def test_a_signal_ends_a_build_with_its_code(project, number, code):
    with subprocess.Popen(
        [*MLMAKE, "slow", "-v"], cwd=project, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stderr.readline() == "slow | begun\n"
            process.send_signal(number)
            rest = process.communicate(timeout=20)[1]
        finally:
            process.kill()
    assert process.returncode == code
    assert rest.splitlines()[-1].startswith("interrupted: ")


SERVED = """\
[target.model]
call    = "steps:run"
outputs = { model = "model.joblib" }

[serve.digit]
models = ":model"
"""

STEPS = """\
import joblib
from sklearn.dummy import DummyRegressor


def run(model):
    joblib.dump(DummyRegressor(strategy="constant", constant=7.0).fit([[0.0]], [1.0]), model)
"""


def test_serve_builds_answers_and_ends_by_a_signal(tmp_path):
    (tmp_path / "Mlfile").write_text(SERVED)
    (tmp_path / "steps.py").write_text(STEPS)
    with subprocess.Popen(
        [*MLMAKE, "serve", "--port", "0"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            url = process.stdout.readline().rpartition(" at ")[2].strip()
            while (line := process.stderr.readline()) != "digit is answered by model\n":
                assert line, "the server has ended"
            with urllib.request.urlopen(f"{url}/v2/health/ready", timeout=10) as answer:
                assert json.load(answer) == {"ready": True}
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 143
        finally:
            process.kill()


def test_serve_of_what_is_not_there(tmp_path):
    def serve(*argv):
        done = subprocess.run([*MLMAKE, "serve", *argv], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    (tmp_path / "Mlfile").write_text(SERVED)
    (tmp_path / "steps.py").write_text(STEPS)
    assert serve("digt") == (2, "mlmake: there is no [serve.digt]; did you mean `digit`?\n")
    assert serve("--no-build", "--port", "0") == (1, "mlmake: digit: there is no model yet; see `mlmake status`\n")
    code, text = serve("--host", "0.0.0.0", "--port", "0")
    assert code == 4
    assert "MLMAKE_TOKEN" in text
    (tmp_path / "Mlfile").write_text("[target.a]\nrun='true'\n")
    assert serve() == (2, "mlmake: the Mlfile serves nothing: add a table [serve.NAME] with `models`\n")
