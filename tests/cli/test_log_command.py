"""Logs found by the journals of runs."""

import json
import os
import threading

import pytest
from small_graph import action, graph

GRAPH = graph(action("a", outputs=["x"]), action("b", outputs=["y"]))


@pytest.fixture
def project(stage, tmp_path):
    stage.graph = GRAPH

    def run(name, at, *rows, over=True):
        folder = tmp_path / ".mlmake/runs" / name
        (folder / "logs").mkdir(parents=True)
        lines = []
        for instance, outcome, text in rows:
            log = folder / "logs" / f"{instance}.log"
            log.write_bytes(text)
            lines.append({"event": "target-started", "instance": instance, "log": str(log)})
            if outcome:
                lines.append({"event": "target-finished", "instance": instance, "outcome": outcome, "log": str(log)})
        if over:
            lines.append({"event": "run-finished"})
        journal = folder / "events.jsonl"
        journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
        os.utime(journal, (at, at))
        return journal

    run("r1", 100, ("a", "ran", b"old a\n"), ("b", "failed", b"old b\n"))
    run("r2", 200, ("a", "ran", b"new a \xff\n"))
    run("r3", 300)
    return run


def test_the_newest_log_of_a_target_as_its_bytes(project, mlmake):
    assert vars(mlmake("log", "a")) == {"code": 0, "out": "new a \udcff\n", "err": ""}
    assert mlmake("log", "b").out == "old b\n"


def test_without_a_target_the_newest_run_that_has_logs(project, mlmake):
    assert mlmake("log").out == "new a \udcff\n"
    assert mlmake("log", "--run", "r1").out == "==> a <==\nold a\n==> b <==\nold b\n"
    assert mlmake("log", "--failed").out == "old b\n"


def test_paths_and_documents(project, mlmake, tmp_path):
    assert mlmake("log", "a", "--path").out == f"{tmp_path}/.mlmake/runs/r2/logs/a.log\n"
    (entry,) = json.loads(mlmake("log", "b", "--json").out)["logs"]
    assert (entry["run"], entry["instance"], entry["outcome"]) == ("r1", "b", "failed")


def test_a_moved_project_finds_its_logs(project, mlmake, tmp_path, stage, monkeypatch):
    journal = tmp_path / ".mlmake/runs/r2/events.jsonl"
    journal.write_text(journal.read_text().replace(str(tmp_path), "/elsewhere"))
    assert mlmake("log", "a").out == "new a \udcff\n"


def test_a_journal_that_was_cut_off_is_read_as_far_as_it_goes(project, mlmake, tmp_path):
    journal = tmp_path / ".mlmake/runs/r2/events.jsonl"
    journal.write_text(journal.read_text()[:-9])
    assert mlmake("log", "a").out == "new a \udcff\n"


@pytest.mark.parametrize("argv", [["b", "--run", "r2"], ["a", "--failed"]])
def test_no_log_is_wrong_use(project, mlmake, argv):
    said = mlmake("log", *argv)
    assert said.code == 2
    assert said.err.startswith("mlmake: there is no log")


def test_a_run_may_be_named_by_its_end_or_its_place(project, mlmake):
    project("20260101-000000-aaaa", 600, ("a", "ran", b"first\n"))
    project("20260101-000001-aaab", 700, ("a", "ran", b"second\n"))
    assert mlmake("log", "--run", "last", "a").out == "second\n"
    assert mlmake("log", "--run", "last~1", "a").out == mlmake("log", "--run", "aaaa", "a").out == "first\n"
    said = mlmake("log", "--run", "r9")
    assert said.code == 2
    assert said.err.startswith("mlmake: r9 is no run; there are `last`, `last~1` and so on, and 20260101-000001-aaab, ")


def test_a_step_that_printed_nothing_says_so(project, mlmake):
    project("r4", 400, ("b", "ran", b""))
    assert mlmake("log", "b").err == "b printed nothing in run r4\n"


def test_following_ends_with_the_step(project, mlmake, tmp_path, monkeypatch):
    journal = project("r5", 500, ("a", None, b"first\n"), over=False)
    log = tmp_path / ".mlmake/runs/r5/logs/a.log"
    monkeypatch.setattr("mlmake.cli.log.PAUSE", 0)

    def finish():
        with log.open("ab") as file:
            file.write(b"second\n")
        with journal.open("a") as file:
            file.write('{"event":"target-finished","instance":"a"}\n')

    timer = threading.Timer(0.2, finish)
    timer.start()
    assert mlmake("log", "-f", "a").out == "first\nsecond\n"
    timer.join()
