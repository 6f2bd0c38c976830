"""What was ever built here is put back instead of trained again, if the rules on age and sources allow it."""

import itertools
import random

import pytest

from mlmake.host.clock import SystemClock

MLFILE = """
    [params]
    lr   = 0.01
    seed = 1

    [target.clean]
    inputs  = ["raw.txt"]
    outputs = { table = "build/clean.txt" }
    run     = "sort raw.txt > {outputs.table}"

    [target.train]
    inputs  = { table = ":clean.table" }
    outputs = { model = "build/{algo}.txt" }
    matrix  = { algo = ["tree", "net"] }
    call    = "train:run"

    [target.report]
    inputs  = [":train"]
    outputs = ["build/report.txt"]
    run     = "cat {inputs} > {outputs}"
"""

CODE = """
    def run(table, algo, lr, seed, model):
        with open("trained", "a") as file:
            file.write("x")
        model.write_text(f"{algo} {lr} {seed} {VERSION} {table.read_text()}")
"""


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is moved."""
    now = [1_900_000_000.0]
    monkeypatch.setattr(SystemClock, "now", lambda self: now[0])
    return now


@pytest.fixture
def tuned(project):
    project.mlfile(MLFILE)
    world(project, 1, "a\n")
    return project


def world(project, version, raw):
    project.write("train.py", CODE.replace("{VERSION}", f"{version}"))
    project.write("raw.txt", raw)


def trained(project):
    place = project.root / "trained"
    return len(place.read_text()) if place.exists() else 0


def test_back_to_an_earlier_learning_rate_costs_no_training(tuned):
    assert tuned.build().ran == {"clean", "train@algo=tree", "train@algo=net", "report"}
    first = tuned.read("build/report.txt")
    assert tuned.build("--set", "lr=0.1").ran == {"train@algo=tree", "train@algo=net", "report"}
    assert trained(tuned) == 4
    built = tuned.build()
    assert (built.ran, built.restored) == (set(), {"train@algo=tree", "train@algo=net", "report"})
    assert tuned.read("build/report.txt") == first
    assert tuned.plan("--set", "lr=0.1") == {
        "clean": "skip",
        "train@algo=tree": "restore",
        "train@algo=net": "restore",
        "report": "restore",
    }
    assert tuned.build("--set", "lr=0.1").codes("train@algo=net")[0] == "cached"
    assert trained(tuned) == 4


def test_any_combination_of_inputs_parameters_and_code_that_was_ever_built_comes_back(tuned):
    combinations = list(itertools.product(("a\n", "b\n"), ("0.01", "0.1"), (1, 2)))
    reports = {}
    for raw, lr, version in combinations:
        world(tuned, version, raw)
        tuned.build("--set", f"lr={lr}")
        reports[raw, lr, version] = tuned.read("build/report.txt")
    assert trained(tuned) == 2 * len(combinations) and len(set(reports.values())) == len(combinations)
    random.Random(4).shuffle(combinations)
    for raw, lr, version in combinations:
        world(tuned, version, raw)
        built = tuned.build("--set", f"lr={lr}")
        assert not built.ran
        assert tuned.read("build/report.txt") == reports[raw, lr, version]
    world(tuned, 1, "b\na\n")
    assert tuned.build().ran == {"clean", "train@algo=tree", "train@algo=net", "report"}, "this was never built"


def test_of_several_results_of_one_combination_the_newest_comes_first(project):
    project.mlfile(
        """
        [target.t]
        inputs  = ["in"]
        outputs = ["t"]
        run     = "cat next > t"
        """
    )
    project.write("in", "1")
    for text in ("first", "second", "third"):
        project.write("next", text)
        project.build("--force", "t")
    project.write("in", "2")
    project.write("next", "another's")
    project.build()
    project.write("in", "1")
    assert project.build().restored == {"t"} and project.read("t") == "third"
    # Where the bytes of the newest are gone, the one before it is as good.
    project.write("in", "2")
    project.build()
    (path,) = [
        p for p in (project.root / ".mlmake/cache/objects").rglob("*") if p.is_file() and p.read_text() == "third"
    ]
    path.unlink()
    project.write("in", "1")
    assert project.build().restored == {"t"} and project.read("t") == "second"


def test_a_result_that_is_too_old_is_not_put_back(project, clock):
    project.mlfile(
        """
        [params]
        lr = 1
        [target.t]
        outputs = ["t"]
        max_age = "1h"
        run     = "echo {params.lr} > t"
        """
    )
    project.build()
    clock[0] += 1800
    project.build("--set", "lr=2")
    clock[0] += 1800
    assert project.build().restored == {"t"}, "an hour to the second"
    clock[0] += 1
    project.build("--set", "lr=2")
    built = project.build()
    assert (built.ran, built.codes("t")) == ({"t"}, ["expired"])


def test_a_result_of_another_source_is_not_put_back(project):
    project.mlfile(
        """
        [params]
        lr = 1
        [target.t]
        source  = "data.txt"
        outputs = ["t"]
        run     = "echo {params.lr} $(cat {source}) > t"
        """
    )
    project.write("data.txt", "old")
    project.build()
    project.build("--set", "lr=2")
    project.write("data.txt", "new")
    built = project.build()
    assert (built.ran, built.codes("t")) == ({"t"}, ["source-changed"])
    assert project.read("t") == "1 new\n"
    project.write("data.txt", "old")
    assert project.build("--set", "lr=2").restored == {"t"}
    assert project.read("t") == "2 old\n"
    assert project.build().restored == {"t"}
    assert project.read("t") == "1 old\n"


def test_a_window_holds_for_the_result_that_comes_back_with_its_own_time(project, clock):
    project.mlfile(
        """
        [params]
        lr = 1
        [target.t]
        source    = "data.txt"
        fresh_for = "1h"
        outputs   = ["t"]
        run       = "echo {params.lr} $(cat {source}) > t"
        """
    )
    project.write("data.txt", "old")
    project.build()
    clock[0] += 1000
    project.build("--set", "lr=2")
    project.write("data.txt", "new")
    assert project.build().restored == {"t"} and project.read("t") == "1 old\n", "inside its window"
    clock[0] += 2600
    built = project.build()
    assert (built.ran, project.read("t")) == ({"t"}, "1 new\n"), "its own run is an hour ago"
    assert project.build("--set", "lr=2").restored == {"t"}, "that one's is not"
