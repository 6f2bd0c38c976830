"""Fan-ins that need not wait, beside everything else a target may have: picks, phonies, lists, chains, cuts."""

import json
import signal

import pytest
from gated import Gated, gates
from test_e2e_fan_in import AFTER, JOINED, SCORES, SELECTED, rounds, write

PICKING = """
    [target.judge]
    run = "cp {inputs.model} {outputs.metrics}"
    inputs = { model = ":train.metrics@algo" }
    outputs = { metrics = "judged/{algo}.json" }
    metrics = "metrics"
    matrix = ":train"
    [target.best]
    select = { by = "acc", pick = ":train", top = 2 }
    inputs = [":judge"]
    outputs = ["best"]
"""


def train_all(project, *argv, words=None, code=0, algos=SCORES):
    with Gated(project.root, "-j4", *argv) as build:
        for algo in algos:
            build.open(algo, (words or {}).get(algo, "go"))
        build.finish(code)
    return build


def test_a_selection_that_picks_waits_for_its_inputs_only(project):
    write(project, PICKING, wait=1, train='on_error = "continue"')
    with Gated(project.root, "-j4") as build:
        build.open("a", "stop")
        build.open("b")
        build.ended("best", complete=False)
        assert [e["instance"] for e in project.json("best")["selected"]] == ["train@algo=b"]
        build.open("c")
        build.finish(1)
    assert [e["instance"] for e in project.json("best")["selected"]] == ["train@algo=b", "train@algo=c"]
    assert [e["outcome"] for e in build.of("report")] == ["ran"]
    assert not [e["text"] for e in build.events if e["event"] == "warned"]


def test_what_is_picked_goes_with_its_metrics(project):
    write(project, PICKING, wait=1)
    train_all(project)
    before = {e["instance"]: e for e in project.json("best")["selected"]}
    write(project, PICKING, wait=1, scores={"a": 0.8, "b": 0.1, "c": 0.2})
    with Gated(project.root, "-j4") as build:
        build.open("a")
        build.ended("best", complete=False)
        first = {e["instance"]: e for e in project.json("best")["selected"]}
        assert {name: e["metrics"]["acc"] for name, e in first.items()} == {"train@algo=b": 0.9, "train@algo=a": 0.8}
        for field in ("outputs", "metrics"):
            assert first["train@algo=b"][field] == before["train@algo=b"][field]
        build.open("b")
        build.open("c")
        build.finish()
    assert [e["metrics"]["acc"] for e in project.json("best")["selected"]] == [0.8, 0.2]


def test_a_phony_runs_on_each_set_once(project):
    told = """
    [target.best]
    run = "cat {inputs} | wc -l >> told"
    inputs = [":train.metrics"]
    """
    write(project, told, wait=1, after="")
    with Gated(project.root, "-j4", "best") as build:
        build.open("a")
        build.ended("best", complete=False)
        build.open("b")
        build.ended("best", complete=False)
        build.open("c", "stop")
        build.finish(1)
    assert project.read("told").split() == ["1", "2"]
    with Gated(project.root, "-j4", "best") as build:
        build.open("c")
        build.finish()
    assert project.read("told").split() == ["1", "2", "3"]


def test_a_phony_before_it_is_called_once_and_one_that_fails_blocks_it(project):
    write(project, JOINED, wait=1, best='after = [":ping"]', after='[target.ping]\nrun = "echo >> pinged; test -f up"')
    project.write("up", "")
    build = train_all(project, "best")
    assert len(project.read("pinged")) == 1
    assert rounds(build)[-1] == ("ran", True)
    (project.root / "up").unlink()
    write(project, JOINED, wait=1, scores={"a": 1, "b": 2, "c": 3}, best='after = [":ping"]',
          after='[target.ping]\nrun = "echo >> pinged; test -f up"\non_error = "continue"')  # fmt: skip
    build = train_all(project, "best", code=1)
    assert [e["outcome"] for e in build.of("best")] == ["blocked"]


def test_what_is_also_read_alone_or_comes_after_is_awaited(project):
    alone = JOINED.replace('[":train.metrics"]', '{ first = ":train.metrics@algo=b", all = ":train.metrics" }')
    write(project, alone, wait=1)
    with Gated(project.root, "-j4") as build:
        build.open("a")
        build.ended("train@algo=a")
        build.open("c")
        build.ended("train@algo=c")
        assert not build.of("best", "target-started")
        build.open("b")
        build.finish()
    assert rounds(build) == [("ran", True)]
    write(project, JOINED, wait=1, best='after = [":train@algo=c"]', scores={"a": 1, "b": 2, "c": 3})
    build = train_all(project, "-k", words={"c": "stop"}, code=1)
    assert [e["outcome"] for e in build.of("best")] == ["blocked"]


LISTED = """
    [resources]
    cpus = 9
    [target.split]
    run = "mkdir -p parts; for i in $(cat n); do echo $i > parts/$i; done"
    inputs = ["n"]
    outputs = ["parts/"]
    [target.train]
    run = "read w < gates/{part.name}; test $w = go; cp {part} {outputs}"
    outputs = ["m/{part.name}"]
    matrix = { part = { from = ":split" } }
    [target.best]
    run = "cat {inputs} > {outputs}"
    inputs = [":train"]
    outputs = ["best"]
    wait = WAIT
"""


@pytest.mark.parametrize("wait", ["1", '"ended"'])
def test_an_empty_list_blocks_and_a_growing_one_counts(project, wait):
    project.mlfile(LISTED.replace("WAIT", wait))
    project.write("n", "\n")
    gates(project.root, "12")
    with Gated(project.root, "best") as build:
        build.finish(1)
    assert [e["outcome"] for e in build.of("best")] == ["blocked"]
    assert "empty" in build.of("best")[0]["detail"]
    project.write("n", "1 2\n")
    with Gated(project.root, "-j4", "best") as build:
        build.open("2")
        if wait == "1":
            build.ended("best", complete=False)
        build.open("1", "stop")
        build.finish(1)
    assert project.read("best") == "2\n"


def test_ended_without_a_list_waits_for_all(project):
    project.write("x", "1\n")
    project.mlfile('[target.t]\nrun = "cp x y"\ninputs = ["x"]\noutputs = ["y"]\nwait = "ended"\n')
    assert project.build().ran == {"t"}


CHAINED = """
    [target.last]
    run = "read word < gates/last; cat {inputs} > {outputs}"
    inputs = [":best"]
    outputs = ["last"]
    wait = 1
"""


def test_none_starts_again_while_its_outputs_are_read(project):
    write(project, JOINED, wait=1, after=CHAINED)
    gates(project.root, ["last"])
    with Gated(project.root, "-j9") as build:
        build.open("a")
        build.started("last")
        build.open("b")
        build.ended("train@algo=b")
        build.open("c")
        build.ended("train@algo=c")
        assert len(build.of("best", "target-started")) == 1
        build.open("last")
        build.ended("last", complete=False)
        assert len(project.read("last").splitlines()) == 1
        build.open("last")
        build.finish()
    assert rounds(build) == rounds(build, "last") == [("ran", False), ("ran", True)]
    assert len(project.read("last").splitlines()) == 3


@pytest.mark.parametrize("kind", ["run", "select"])
def test_an_interrupted_build_goes_on_where_it_was(project, kind):
    write(project, JOINED if kind == "run" else SELECTED, wait=1)
    with Gated(project.root, "-j4") as build:
        build.open("b")
        build.ended("best", complete=False)
        before = project.read("best")
        build.kill(signal.SIGINT)
        build.finish(130)
    assert project.read("best") == before
    said = project("why", "best", "--json").document["sentence"]
    assert "made from 1 of 3 branches, without train@algo=a, train@algo=c" in said
    with Gated(project.root, "-j4") as build:
        build.open("a")
        build.ended("best", complete=False)
        build.open("c")
        build.finish()
    assert not build.of("train@algo=b", "target-started")
    assert rounds(build) == [("ran", False), ("ran", True)]
    assert "branches" not in project("why", "best", "--json").document["sentence"]


def test_what_was_lent_is_gone_after_a_kill(project):
    slow = JOINED.replace('"cat', '"read word < gates/best; cat')
    write(project, slow, wait=1)
    gates(project.root, ["best"])
    with Gated(project.root, "-j4") as build:
        for algo in SCORES:
            build.open(algo)
            build.ended(f"train@algo={algo}")
        for _ in range(2):
            build.open("best")
            build.ended("best")
        build.finish()
    write(project, slow, wait=1, scores={"a": 1, "b": 2, "c": 3})
    with Gated(project.root, "-j4") as build:
        build.open("a")
        build.ended("train@algo=a")
        gate_opened(project.root, "best", build)
        build.kill()
    assert list((project.root / ".mlmake/lent").iterdir())
    with Gated(project.root, "-j4") as build:
        # Until the steps of the killed build are ended they stand at the gates too.
        build.started("best")
        build.open("best")
        build.ended("best")
        for algo in "bc":
            build.open(algo)
            build.ended(f"train@algo={algo}")
            build.open("best")
            build.ended("best")
        build.finish()
    assert not (project.root / ".mlmake/lent").exists() or not list((project.root / ".mlmake/lent").iterdir())
    assert [json.loads(line)["acc"] for line in project.read("best").splitlines()] == [1, 2, 3]


def gate_opened(root, name, build):
    """Wait until a step has come to a gate, and hold it there."""
    with open(root / "gates" / name, "w"):
        build.kill(signal.SIGSTOP)


@pytest.mark.parametrize("lost", ["uncached", "store"])
def test_what_the_store_has_not_got_is_not_carried(project, lost):
    write(project, JOINED, wait=1, train="cache = false" if lost == "uncached" else "")
    train_all(project)
    if lost == "store":
        assert project("clean", "--cache", "-y").code == 0
    write(project, JOINED, wait=1, train="cache = false" if lost == "uncached" else "",
          scores={"a": 1, "b": 2, "c": 3})  # fmt: skip
    with Gated(project.root, "-j4") as build:
        build.open("a")
        build.ended("best", complete=False)
        assert project.read("best") == '{"acc": 1}\n'
        build.open("b")
        build.open("c")
        build.finish()


def test_frozen_takes_nothing_and_force_runs_it_once(project):
    write(project, JOINED, wait=1)
    with Gated(project.root, "--frozen") as build:
        build.finish(3)
    assert build.of("best")[0]["outcome"] == "blocked"
    train_all(project)
    build = train_all(project, "-B")
    assert rounds(build) == [("ran", True)]
    with Gated(project.root, "--force", "best") as build:
        build.finish()
    assert rounds(build) == [("ran", True)]


def test_equal_content_at_the_end_makes_it_complete_without_a_run(project):
    write(project, JOINED, wait=1)
    train_all(project)
    write(project, JOINED, wait=1, train='env = { ROUND = "2" }', scores={**SCORES, "a": 0.1})
    with Gated(project.root, "-j4") as build:
        build.open("a")
        build.ended("best", complete=False)
        assert "2 of them not final" in build.of("best")[0]["detail"]
        build.open("b")
        build.open("c")
        events = build.finish()
    assert rounds(build) == [("ran", False), ("skipped", True)]
    assert events[-1]["ran"] == 5
    found = {t["instance"]: t for t in project("runs", "last", "--json").document["targets"]}
    assert (found["best"]["outcome"], found["best"]["complete"]) == ("ran", True)


def test_a_plan_says_what_it_starts_on(project):
    write(project, JOINED, wait=2)
    assert "starts with 2 of 3 branches, again as more end" in project("plan").out
    train_all(project)
    write(project, JOINED, wait=2, scores={**SCORES, "a": 0.1})
    said = project("plan").out
    assert "starts with 2 of 3 branches, again as more end (2 are there, 1 counts as it was until then)" in said
    document = {t["instance"]: t for t in project("plan", "--json").document["targets"]}
    assert document["best"]["starts"] == {
        "needed": 2,
        "branches": ["train@algo=a", "train@algo=b", "train@algo=c"],
        "there": ["train@algo=b", "train@algo=c"],
        "carried": ["train@algo=a"],
    }
    assert "starts" not in document["report"]


def test_an_incomplete_result_is_never_enough(project):
    enough = JOINED.replace("cat {inputs} > {outputs}", "cat {inputs} | sed -n 1p > {outputs}")
    best = 'metrics = "best"\nenough = "acc >= 0.4"'
    write(project, enough, wait=1, best=best)
    with Gated(project.root, "-j4") as build:
        build.open("b")
        build.ended("best", complete=False)
        build.open("a")
        build.ended("best", complete=False)
        build.open("c", "stop")
        build.finish(1)
    build = train_all(project, algos="c")
    assert rounds(build) == [("ran", True)]
    write(project, enough, wait=1, best=best, scores={"a": 0.1, "b": 0.1, "c": 0.1})
    build = train_all(project)
    assert rounds(build) == [("skipped", True)]
    assert AFTER
