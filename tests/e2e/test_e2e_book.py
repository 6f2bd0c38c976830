"""The promises of the book, each as one test: when ingestion and training are skipped, and when they run."""

import json
import shutil
import subprocess
import sys

import pytest

from mlmake.host.clock import SystemClock

MLFILE = """
    [params]
    lr = 0.01

    [target.ingest]
    source      = "videos/"
    fresh_for   = "14d"
    probe       = "records"
    significant = "x2"
    outputs     = { table = "build/table.csv" }
    run         = "cat {source}* > {outputs.table}; echo ingest >> ran"

    [target.train]
    inputs  = { table = ":ingest.table" }
    outputs = { model = "build/{algo}.txt", metrics = "build/{algo}.json" }
    matrix  = { algo = ["logreg", "forest"] }
    metrics = "metrics"
    run     = '''
    echo {algo} {params.lr} > {outputs.model}
    cat {inputs.table} >> {outputs.model}
    cp accuracy.json {outputs.metrics}
    echo train-{algo} >> ran
    '''
    """

TRAININGS = {"train@algo=logreg", "train@algo=forest"}


@pytest.fixture(params=["faketime", "clock"])
def on_day(request, project, monkeypatch):
    """`mlmake build` so many days from now: outcomes and reason codes by instance, and the names of what really ran."""
    if request.param == "faketime" and shutil.which("faketime") is None:
        pytest.skip("no faketime here")
    project.mlfile(MLFILE)
    project.write("videos/one.csv", "id\n" + "1\n" * 10)
    project.write("accuracy.json", '{"accuracy": 0.96}')

    def build(day, *argv):
        words = ["build", "--json", *argv]
        if request.param == "faketime":
            command = ["faketime", "-f", f"+{day}d", sys.executable, "-m", "mlmake", *words]
            monkeypatch.setenv("NO_FAKE_STAT", "1")
            out = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=True).stdout
        else:
            monkeypatch.setattr(SystemClock, "now", lambda self: 1_900_000_000.0 + day * 86_400)
            said = project(*words)
            assert said.code == 0, said.err
            out = said.out
        ended = [event for event in map(json.loads, out.splitlines()) if event["event"] == "target-finished"]
        told = {event["instance"]: (event["outcome"], event["reasons"][0]["code"]) for event in ended}
        ran = {name for name, (outcome, _) in told.items() if outcome == "ran"}
        log = project.root / "ran"
        names = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        assert sorted(names) == sorted(name.replace("@algo=", "-") for name in ran), "said and done"
        return told

    return build


def test_ingestion_is_skipped_within_two_weeks_and_runs_after(project, on_day):
    assert on_day(0)["ingest"] == ("ran", "never-built")
    project.write("videos/two.csv", "id\n" + "2\n" * 30)
    assert on_day(13)["ingest"] == ("skipped", "fresh")
    assert on_day(15)["ingest"] == ("ran", "source-changed")
    assert on_day(28)["ingest"] == ("skipped", "fresh"), "the window counts from the last ingestion"


def test_ingestion_is_skipped_while_the_records_are_about_as_many_and_runs_when_they_have_doubled(project, on_day):
    on_day(0)
    project.write("videos/two.csv", "id\n" + "2\n" * 5)
    assert on_day(15)["ingest"] == ("skipped", "revalidated")
    project.write("videos/two.csv", "id\n" + "2\n" * 9)
    assert on_day(30)["ingest"] == ("skipped", "revalidated"), "19 records beside the 10 of the last ingestion"
    project.write("videos/two.csv", "id\n" + "2\n" * 10)
    assert on_day(43)["ingest"] == ("skipped", "fresh"), "within the window nobody counts"
    assert on_day(45)["ingest"] == ("ran", "source-changed"), "20 beside 10"


def test_training_is_skipped_because_this_model_type_was_trained_with_these_hyperparameters_before(project, on_day):
    on_day(0)
    trained = on_day(1, "--set", "lr=0.1")
    assert {name: trained[name] for name in TRAININGS} == dict.fromkeys(TRAININGS, ("ran", "param-changed"))
    again = on_day(2)
    assert {name: again[name] for name in TRAININGS} == dict.fromkeys(TRAININGS, ("restored", "cached"))
    assert project.read("build/forest.txt").startswith("forest 0.01\n")
    project.edit("Mlfile", '["logreg", "forest"]', '["logreg", "forest", "gbm"]')
    more = on_day(3)
    assert {name for name in more if more[name][0] == "ran"} == {"train@algo=gbm"}, "only the new model type"


def test_training_is_skipped_while_its_recorded_accuracy_passes_the_threshold(project, on_day):
    project.edit("Mlfile", "[target.train]\n", '[target.train]\nenough = "accuracy >= 0.95"\n')
    on_day(0)
    project.write("videos/two.csv", "id\n" + "2\n" * 30)
    built = on_day(15)
    assert built["ingest"] == ("ran", "source-changed")
    assert {name: built[name] for name in TRAININGS} == dict.fromkeys(TRAININGS, ("skipped", "enough"))
    project.write("accuracy.json", '{"accuracy": 0.94}')
    project.edit("Mlfile", "lr = 0.01", "lr = 0.02")
    assert on_day(16)["train@algo=forest"] == ("ran", "param-changed"), "it hides no other parameter"
    project.write("videos/two.csv", "id\n" + "2\n" * 90)
    built = on_day(45)
    assert {name: built[name] for name in TRAININGS} == dict.fromkeys(TRAININGS, ("ran", "input-changed"))
