"""Fan-ins that need not wait for all, on real steps: gates say in which order branches end."""

import itertools
import json
import shutil

import pytest
from gated import Gated, gates

TRAIN = """
    [target.train]
    run = "read w < gates/{{algo}}; test $w = go; cp {{inputs}} {{outputs.metrics}}; echo {{algo}} > {{outputs.model}}"
    inputs = ["scores/{{algo}}"]
    outputs = {{ model = "m/{{algo}}", metrics = "m/{{algo}}.json" }}
    metrics = "metrics"
    {train}
    [target.train.matrix]
    algo = {algos}
"""
JOINED = """
    [target.best]
    run = "cat {inputs} > {outputs}"
    inputs = [":train.metrics"]
    outputs = ["best"]
"""
CALLED = """
    [target.best]
    call = "steps:join"
    inputs = { found = ":train.metrics" }
    outputs = { best = "best" }
"""
SELECTED = """
    [target.best]
    select = { by = "acc", top = 2 }
    inputs = [":train"]
    outputs = ["best"]
"""
AFTER = """
    [target.report]
    run = "cat best > {outputs}"
    inputs = [":best"]
    outputs = ["report"]
"""
CONSUMERS = {"run": JOINED, "call": CALLED, "select": SELECTED}
SCORES = {"a": 0.5, "b": 0.9, "c": 0.7}


def write(project, consumer, *, wait=1, scores=SCORES, train="", best="", after=AFTER):
    for algo, score in scores.items():
        project.write(f"scores/{algo}", f'{{"acc": {score}}}\n')
    gates(project.root, scores)
    wait = "" if wait is None else f"wait = {json.dumps(wait)}"
    project.write(
        "steps.py", "def join(found, best):\n    best.write_text(''.join(path.read_text() for path in found))\n"
    )
    project.mlfile(
        "[resources]\ncpus = 9\n"
        + "\n".join(
            line.strip()
            for part in (TRAIN.format(algos=json.dumps(list(scores)), train=train), consumer, wait, best, after)
            for line in part.splitlines()
        )
    )


def left(project):
    return {path: project.read(path) for path in ("best", "report")}


def forget(project):
    """As if nothing had ever been built."""
    shutil.rmtree(project.root / ".mlmake", ignore_errors=True)
    shutil.rmtree(project.root / "m", ignore_errors=True)
    for name in ("best", "report"):
        (project.root / name).unlink(missing_ok=True)


def rounds(build, instance="best"):
    return [(e["outcome"], e["complete"]) for e in build.of(instance)]


@pytest.mark.parametrize("kind", CONSUMERS)
def test_the_end_is_the_same_in_every_order(project, kind):
    write(project, CONSUMERS[kind], wait=None)
    with Gated(project.root, "-j4") as build:
        for algo in SCORES:
            build.open(algo)
        build.finish()
        assert rounds(build) == [("ran", True)]
    wanted = left(project)
    write(project, CONSUMERS[kind], wait="any")
    for order in itertools.permutations(SCORES):
        forget(project)
        with Gated(project.root, "-j4") as build:
            for algo in order:
                build.open(algo)
                build.ended(f"train@algo={algo}")
                build.ended("best", complete=algo == order[-1])
            events = build.finish()
        assert left(project) == wanted
        assert (events[-1]["outcome"], events[-1]["ran"]) == ("ok", 5)
        assert rounds(build) == [("ran", False), ("ran", False), ("ran", True)]
        assert build.of("report")[0]["time"] >= build.of("best")[-1]["time"]
        assert [e["text"] for e in events if e["event"] == "warned"] == []
    again = project.build()
    assert again.ran | again.restored == set()


@pytest.mark.parametrize("kind", CONSUMERS)
@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b")])
def test_a_retraining_counts_with_its_last_results_until_each_has_ended(project, kind, order):
    write(project, CONSUMERS[kind], wait=1)
    with Gated(project.root, "-j4") as build:
        for algo in SCORES:
            build.open(algo)
        build.finish()
    write(project, CONSUMERS[kind], wait=1, scores={algo: score / 2 for algo, score in SCORES.items()})
    seen = []
    with Gated(project.root, "-j4") as build:
        for algo in order:
            build.open(algo)
            build.ended(f"train@algo={algo}")
            build.ended("best", complete=algo == order[-1])
            seen.append(project.read("best"))
        build.finish()
    if kind != "select":
        counted = [set(order[: n + 1]) for n in range(3)]
        for text, new in zip(seen, counted, strict=True):
            wanted = [SCORES[a] / 2 if a in new else SCORES[a] for a in SCORES]
            assert [json.loads(line)["acc"] for line in text.splitlines()] == wanted
    else:
        best = [[entry["metrics"]["acc"] for entry in json.loads(text)["selected"]] for text in seen]
        now = dict(SCORES)
        for algo, figures in zip(order, best, strict=True):
            now[algo] = SCORES[algo] / 2
            assert figures == sorted(now.values(), reverse=True)[:2]
    assert not (project.root / ".mlmake/lent").exists() or not list((project.root / ".mlmake/lent").iterdir())
    again = project.build()
    assert again.ran | again.restored == set()


def test_without_carry_the_set_starts_anew(project):
    write(project, JOINED, wait=2, best="carry = false")
    with Gated(project.root, "-j4") as build:
        for algo in SCORES:
            build.open(algo)
        build.finish()
    write(project, JOINED, wait=2, best="carry = false", scores={algo: score / 2 for algo, score in SCORES.items()})
    with Gated(project.root, "-j4") as build:
        build.open("b")
        build.ended("train@algo=b")
        build.open("a")
        build.ended("best", complete=False)
        assert project.read("best") == '{"acc": 0.25}\n{"acc": 0.45}\n'
        build.open("c")
        build.finish()
    assert rounds(build) == [("ran", False), ("ran", True)]


@pytest.mark.parametrize("policy", ["stop", "continue", "trim"])
@pytest.mark.parametrize("wait", ["ended", 1, 2])
def test_a_failed_branch_is_named_and_stops_nothing_else(project, wait, policy):
    write(project, SELECTED, wait=wait, train=f'on_error = "{policy}"')
    with Gated(project.root, "-j4") as build:
        build.open("b", "stop")
        build.ended("train@algo=b", outcome="failed")
        build.open("a")
        build.ended("train@algo=a")
        build.open("c")
        events = build.finish(1)
    assert rounds(build)[-1] == ("ran", False)
    assert len(rounds(build)) == (2 if wait == 1 else 1)
    assert [e["outcome"] for e in build.of("report")] == ["ran"]
    assert events[-1]["failed"] == 1
    assert [entry["instance"] for entry in project.json("best")["selected"]] == ["train@algo=c", "train@algo=a"]
    with Gated(project.root, "-j4") as build:
        build.open("b", "stop")
        build.finish(1)
    assert rounds(build) == [("skipped", False)]
    with Gated(project.root, "-j4") as build:
        build.open("b")
        build.finish()
    assert rounds(build) == [("ran", True)]


@pytest.mark.parametrize("use", ['":best.model"', '{ found = ":best.model" }'])
def test_a_failed_branch_does_not_block_what_uses_the_chosen(project, use):
    after = AFTER.replace("cat best", "cat {inputs}").replace('[":best"]', f"[{use}]" if use[0] == '"' else use)
    write(project, SELECTED, wait=1, after=after)
    with Gated(project.root, "-j4") as build:
        build.open("b", "stop")
        build.ended("train@algo=b", outcome="failed")
        build.open("a")
        build.open("c")
        build.finish(1)
    assert project.read("report") == "c\na\n"


def test_too_few_branches_fail_and_the_last_result_stays(project):
    write(project, JOINED, wait=2)
    with Gated(project.root, "-j4") as build:
        for algo in SCORES:
            build.open(algo, "go" if algo == "a" else "stop")
        build.finish(1)
    assert build.of("best")[-1]["outcome"] == "failed"
    assert "1 of its branches succeeded, it needs 2" in build.of("best")[-1]["detail"]
    assert build.of("report")[-1]["outcome"] == "blocked"


def test_a_failure_on_some_is_a_warning(project):
    flaky = JOINED.replace("cat {inputs} >", "test $(echo {inputs} | wc -w) -ne 2; cat {inputs} >")
    write(project, flaky, wait=1)
    with Gated(project.root, "-j4") as build:
        for algo in SCORES:
            build.open(algo)
            build.ended(f"train@algo={algo}")
            if algo == "b":
                build.until(lambda e: e["event"] == "warned" and e["instance"] == "best")
            else:
                build.ended("best")
        events = build.finish()
    assert rounds(build) == [("ran", False), ("ran", True)]
    assert (events[-1]["ran"], events[-1]["failed"]) == (5, 0)
    assert len(project.read("best").splitlines()) == 3


def test_all_that_ends_meanwhile_is_taken_at_once(project):
    slow = JOINED.replace('"cat', '"read word < gates/best; cat')
    write(project, slow, wait=1, scores={**SCORES, "d": 0.1})
    gates(project.root, ["best"])
    with Gated(project.root, "-j5") as build:
        build.open("a")
        build.started("best")
        for algo in "bc":
            build.open(algo)
            build.ended(f"train@algo={algo}")
        build.open("best")
        build.ended("best")
        build.open("best")
        build.ended("best")
        assert len(project.read("best").splitlines()) == 3
        build.open("d")
        build.ended("train@algo=d")
        build.open("best")
        build.finish()
    assert rounds(build) == [("ran", False), ("ran", False), ("ran", True)]


def test_a_fan_in_in_line_for_room_takes_what_has_ended_by_then(project):
    write(project, JOINED, wait=1, best="resources = { cpus = 9 }")
    with Gated(project.root, "-j9") as build:
        for algo in SCORES:
            build.open(algo)
            build.ended(f"train@algo={algo}")
        build.finish()
    assert rounds(build) == [("ran", True)]
