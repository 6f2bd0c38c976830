"""What runs have left on a real disk, whole, damaged and gone."""

import os

import pytest

from mlmake.history.past import Cause
from mlmake.model.event import Outcome, RunFinished, RunStarted, TargetFinished, TargetStarted
from mlmake.model.reason import Code, Reason
from mlmake.stores.past import PastRuns
from mlmake.views.journal import Journal

ASKED = (
    b'{"schema":"mlmake.asked/1","words":["-k"],"params":{"lr":[0.1,"Mlfile"]},"better":{"acc":"max"},'
    b'"uses":[["lr"],[]],"instances":{"t@n=2":["t",{"n":2},0],"t@n=1":["t",{"n":1},0],"s":["s",{},1]}}'
)
LR = (Reason(Code.PARAM_CHANGED, "lr", 0.2, 0.1),)


def events(run, at, *, acc=0.5, end="ok"):
    return [
        RunStarted(at, run, 3, 2),
        TargetFinished(at, "s", "s", Outcome.SKIPPED, (), 0, {"rows": 9}, None, made_in="r0"),
        TargetStarted(at + 1, "t", "t@n=1", LR, 1, "log"),
        TargetStarted(at + 2, "t", "t@n=1", LR, 2, "log"),
        TargetFinished(at + 4, "t", "t@n=1", Outcome.RAN, LR, 3.0, {"acc": acc, "bad": float("nan")}, 0, made_in=run),
        TargetStarted(at + 4, "t", "t@n=2", LR, 1, "log"),
        TargetFinished(at + 5, "t", "t@n=2", Outcome.FAILED, LR, 1.0, {}, 3, detail="ended with exit code 3"),
        RunFinished(at + 6, run, end, 1, 0, 1, 1, 0, 6.0, 2.0),
    ]


def keep(folder, run, at=100.0, *, upto=None, **how):
    with Journal(str(folder), lambda: ASKED) as journal:
        for event in events(run, at, **how)[:upto]:
            journal.take(event)
    return folder / run


def test_a_run_whole(tmp_path):
    keep(tmp_path, "r1", end="failed")
    run = PastRuns(str(tmp_path)).read("r1")
    assert (run.head.ended, run.head.started, run.head.seconds, run.head.saved) == ("failed", 100.0, 6.0, 2.0)
    assert (run.head.counts, run.head.jobs, run.head.words) == ({"ran": 1, "skipped": 1, "failed": 1}, 2, ("-k",))
    assert list(run.steps) == ["s", "t@n=1", "t@n=2"]
    assert run.listed == ("t@n=2", "t@n=1", "s")
    kept, ran, failed = run.steps.values()
    assert (kept.outcome, kept.metrics, kept.made_in, kept.at) == ("skipped", {"rows": 9}, "r0", None)
    assert (ran.outcome, ran.at, ran.seconds, ran.attempts, ran.made_in) == ("ran", 1.0, 3.0, 2, "r1")
    assert str(ran.metrics) == "{'acc': 0.5, 'bad': nan}"
    assert (ran.keys, ran.uses) == ({"n": 1}, ("lr",))
    assert ran.causes == (Cause("param-changed", "lr", 0.2, 0.1, "parameter lr 0.2 → 0.1"),)
    assert (failed.outcome, failed.detail, failed.exit_code, failed.made_in) == (
        "failed",
        "ended with exit code 3",
        3,
        None,
    )
    assert run.params["lr"].value == 0.1
    assert run.better == {"acc": "max"}


def test_the_short_ways_tell_the_same(tmp_path):
    keep(tmp_path, "r1")
    runs = PastRuns(str(tmp_path))
    whole = runs.read("r1")
    assert str(runs.measures("r1")) == str({name: step.metrics for name, step in whole.steps.items() if step.metrics})
    assert runs.parameters("r1") == whole.params == runs.given("r1").params
    assert {name: (step.keys, step.uses) for name, step in runs.given("r1").steps.items()} == {
        name: (step.keys, step.uses) for name, step in whole.steps.items()
    }


@pytest.mark.parametrize("upto", range(3, 8))
def test_a_run_that_was_cut_off_is_told_as_far_as_it_came(tmp_path, upto):
    keep(tmp_path, "20260101-000000-aaaa", upto=upto)
    run = PastRuns(str(tmp_path)).read("20260101-000000-aaaa")
    assert (run.head.ended, run.head.seconds) == ("cut off", None)
    assert run.head.counts == {"skipped": 1} | ({"ran": 1} if upto > 4 else {}) | ({"failed": 1} if upto > 6 else {})
    outcomes = {name: step.outcome for name, step in run.steps.items()}
    assert outcomes["t@n=1"] == (None if upto < 5 else "ran")


def test_a_run_that_goes_on_is_told_from_it(tmp_path):
    keep(tmp_path, "20260101-000000-aaaa", upto=4)
    os.utime(tmp_path / "20260101-000000-aaaa/events.jsonl", (1, 1))
    keep(tmp_path, "20260101-000009-aaaa", upto=4)
    runs = PastRuns(str(tmp_path), is_building=lambda: True)
    assert [runs.head(name).ended for name in runs.names()] == ["running", "cut off"]


@pytest.mark.parametrize("cut", [0, 1, 40, 300, -1, -2, -30, -200])
def test_a_torn_journal_loses_the_torn_line_only(tmp_path, cut):
    journal = keep(tmp_path, "20260101-000000-aaaa") / "events.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:cut])
    runs = PastRuns(str(tmp_path))
    assert runs.names() == ["20260101-000000-aaaa"]
    read = runs.read("20260101-000000-aaaa")
    assert read.head.started == (100.0 if abs(cut) > 90 or cut < 0 else 1767225600.0)
    assert read.head.ended == ("ok" if cut == -1 else "cut off")
    lines = whole[:cut].count(b"\n")
    assert len(read.steps) == (0 if lines < 2 else 1 if lines < 3 else 2 if lines < 6 else 3)
    assert set(runs.measures("20260101-000000-aaaa")) <= set(read.steps)


@pytest.mark.parametrize("damage", [b"", b"\x00" * 99, b"[1]", b'{"words":1}', b'{"uses":[[1]]}', ASKED[:-9]])
def test_what_was_asked_for_may_be_damaged(tmp_path, damage):
    folder = keep(tmp_path, "r1")
    (folder / "asked.json").write_bytes(damage)
    runs = PastRuns(str(tmp_path))
    read = runs.read("r1")
    assert (read.params, read.head.words, read.steps["t@n=1"].keys) == ({}, (), {})
    assert read.steps["t@n=1"].metrics["acc"] == 0.5
    assert runs.parameters("r1") == runs.given("r1").params == {}
    os.unlink(folder / "asked.json")
    assert PastRuns(str(tmp_path)).read("r1").steps["t@n=1"].outcome == "ran"


def test_a_folder_that_is_gone_or_empty_or_no_run(tmp_path):
    assert PastRuns(str(tmp_path / "nowhere")).names() == []
    keep(tmp_path, "20260101-000000-aaaa")
    (tmp_path / "20260101-000001-bbbb/logs").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "file").write_text("")
    runs = PastRuns(str(tmp_path))
    assert runs.names() == ["20260101-000001-bbbb", "20260101-000000-aaaa"]
    gone = runs.head("20260101-000001-bbbb")
    assert (gone.ended, gone.started, gone.counts) == ("cut off", 1767225601.0, {})
    assert runs.read("20260101-000002-cccc").steps == {}


def test_runs_of_one_second_come_in_the_order_of_their_events(tmp_path):
    keep(tmp_path, "20260101-000000-bbbb", 1767225600.1)
    keep(tmp_path, "20260101-000000-aaaa", 1767225600.7)
    keep(tmp_path, "20251231-235959-ffff", 1767225599.0)
    assert PastRuns(str(tmp_path)).names() == ["20260101-000000-aaaa", "20260101-000000-bbbb", "20251231-235959-ffff"]


def test_a_long_last_line_does_not_hide_the_end(tmp_path):
    folder = keep(tmp_path, "r1")
    with (folder / "events.jsonl").open("ab") as file:
        file.write(b'{"event":"models-changed","time":1,"serve":"' + b"x" * 9000 + b'","live":[]}\n')
    assert PastRuns(str(tmp_path)).head("r1").ended == "ok"


def test_what_ended_badly_in_a_run_that_was_cut_off_counts_as_failed(tmp_path):
    run = "20260101-000000-aaaa"
    with Journal(str(tmp_path)) as journal:
        journal.take(RunStarted(100.0, run, 3, 2))
        for name, outcome in (("a", Outcome.TIMED_OUT), ("b", Outcome.DISTURBED), ("c", Outcome.BLOCKED)):
            journal.take(TargetFinished(101.0, name, name, outcome, (), 0, {}, None))
    assert PastRuns(str(tmp_path)).head(run).counts == {"failed": 2, "blocked": 1}
