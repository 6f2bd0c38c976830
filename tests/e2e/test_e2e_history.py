"""What was built, looked back on: several runs of a small project, with changes, failures and kills between."""

import csv
import io
import os
import signal
import subprocess
import sys

import pytest

MLFILE = """\
[params]
lr = 0.5

[params.model]
width = 2

[target.train]
run     = "python train.py {lr_} {n} {params.lr} {params.model.width} > {outputs.metrics}"
outputs = { metrics = "build/{n}.json" }
metrics = "metrics"
[target.train.matrix]
n = [1, 2]

[target.report]
inputs  = [":train"]
run     = "cat {inputs} > {outputs[0]}"
outputs = ["build/report"]
""".replace("{lr_} ", "")

TRAIN = """\
import json, sys
n, lr, width = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
print(json.dumps({"accuracy": round(1 - lr / n, 3), "size": width * n}))
"""


@pytest.fixture
def built(project):
    """Three runs: the first, one with another parameter, one with an instance more; then a no-op."""
    project.mlfile(MLFILE.replace("python", sys.executable))
    project.write("train.py", TRAIN)
    project.build()
    project.build("--set", "lr=0.25")
    project.edit("Mlfile", "n = [1, 2]", "n = [1, 2, 3]")
    project.build("--set", "lr=0.25")
    project.build("--set", "lr=0.25")
    return project


def ids(project):
    return [run["run"] for run in project("runs", "--json").document["runs"]]


def test_runs_are_listed_and_a_build_without_work_leaves_none(built):
    document = built("runs", "--json").document
    assert document["schema"] == "mlmake.runs/1"
    told = [{key: run[key] for key in ("outcome", "ran", "skipped", "failed")} for run in document["runs"]]
    assert told == [
        {"outcome": "ok", "ran": 2, "skipped": 2, "failed": 0},
        {"outcome": "ok", "ran": 3, "skipped": 0, "failed": 0},
        {"outcome": "ok", "ran": 3, "skipped": 0, "failed": 0},
    ]
    assert built("runs", "-n", "1").err == "2 older ones: -n 3 shows them too\n"
    assert len(built("runs", "-n", "1").out.splitlines()) == 2
    assert len(built("runs", "--since", "1h", "--json").document["runs"]) == 3
    assert built("runs", "--since", "soon").code == 2
    assert built("runs", "-q").code == 0


def test_a_run_shows_what_it_kept_too(built):
    document = built("runs", "last", "--json").document
    assert document["schema"] == "mlmake.run/1"
    assert document["params"]["lr"] == {"value": 0.25, "set_by": "--set lr=0.25"}
    targets = {target["instance"]: target for target in document["targets"]}
    kept, ran = targets["train@n=1"], targets["train@n=3"]
    assert (kept["outcome"], kept["metrics"], kept["keys"]) == ("skipped", {"accuracy": 0.75, "size": 2}, {"n": 1})
    assert kept["params"] == ["lr", "model.width"]
    assert kept["made_in"] == ids(built)[1]
    assert (ran["outcome"], ran["made_in"]) == ("ran", ids(built)[0])
    assert [reason["code"] for reason in ran["reasons"]] == ["never-built"]
    lines = built("runs", "last").out.splitlines()
    assert lines[0].startswith(f"{ids(built)[0]}  ✓ ok  ")
    assert any(line.startswith("· skipped  train@n=1") and "accuracy 0.75, size 2" in line for line in lines)
    assert built("runs", "last~7").err == f"mlmake: last~7: only 3 runs are remembered; the oldest is {ids(built)[2]}\n"


def test_metrics_at_present_whole(built):
    assert built("metrics").out == (
        "target  n  accuracy   size  accuracy so far\n"
        "train   1    0.7500      2  ▁██\n"
        "train   2    0.8750      4  ▁██\n"
        "train   3    0.9170★     6\n"
    )
    assert built("metrics", "show", "last~2").out == (
        "target  n  accuracy   size\ntrain   1    0.5000      2\ntrain   2    0.7500★     4\n"
    )
    assert built("metrics", "--sort", "size", "--md").out == (
        "| target | n | accuracy | size |\n| --- | ---: | ---: | ---: |\n"
        "| train | 3 | **0.9170** | 6 |\n| train | 2 | 0.8750 | 4 |\n| train | 1 | 0.7500 | 2 |\n"
    )
    assert built("metrics", "--sort", "-n", "--csv").out == (
        "target,n,accuracy,size\ntrain,3,0.917,6\ntrain,2,0.875,4\ntrain,1,0.75,2\n"
    )


def test_the_best_row_only(built):
    rows = built("metrics", "--best", "max:accuracy", "--csv").out.splitlines()
    assert rows == ["target,n,accuracy,size", "train,3,0.917,6"]
    assert built("metrics", "--best", "min:size", "--csv").out.splitlines()[1] == "train,1,0.75,2"
    assert built("metrics", "--best", "accuracy", "--json").document["instances"][0]["instance"] == "train@n=3"
    assert built("metrics", "--best", "size").err == (
        "mlmake: --best size: is more of it better, or less? write `--best max:size` or `--best min:size`\n"
    )
    assert built("metrics", "--sort", "acuracy").err == (
        "mlmake: --sort acuracy: no instance has such a metric or key; did you mean `accuracy`?\n"
    )


def test_metrics_of_two_runs(built):
    new, middle, old = ids(built)
    assert built("metrics", "diff", "last~2", "last").out == (
        f"{old} → {new}\n"
        "target  n  accuracy   ±        size  ±\n"
        "train   1    0.7500   +0.2500     2\n"
        "train   2    0.8750   +0.1250     4\n"
        "train   3    0.9170★  new         6  new\n"
    )
    document = built("metrics", "diff", old, new, "--json").document
    assert document["runs"] == [old, new]
    rows = {row["instance"]: row for row in document["instances"]}
    assert rows["train@n=1"]["metrics"]["accuracy"] == [0.5, 0.75]
    assert rows["train@n=1"]["change"]["accuracy"] == 0.25
    assert rows["train@n=3"]["metrics"]["accuracy"] == [None, 0.917]
    assert built("metrics", "diff", "--json").document["runs"] == [old, new]
    rows = list(csv.DictReader(io.StringIO(built("metrics", "diff", "last~2", "--csv").out)))
    assert rows[0] == {
        "target": "train",
        "n": "1",
        f"accuracy {old}": "0.5",
        "accuracy now": "0.75",
        "accuracy change": "0.25",
        f"size {old}": "2",
        "size now": "2",
        "size change": "",
    }
    assert built("metrics", "diff", "last").err == f"no metric differs between {new} and now\n"
    assert built("metrics", "show", "last~1", "last").out.splitlines()[0] == f"A = {middle}  B = {new}"
    assert built("metrics", "diff", "a", "b", "c").code == 2


def test_the_present_is_of_whichever_runs_made_it(built):
    built.build("--set", "lr=0.1", "train@n=1")
    new, *_ = ids(built)
    rows = built("metrics", "--json").document["instances"]
    assert {row["instance"]: row["metrics"]["accuracy"] for row in rows} == {
        "train@n=1": [0.9],
        "train@n=2": [0.875],
        "train@n=3": [0.917],
    }
    assert built("metrics", "diff", "--json").document["runs"] == [ids(built)[1], new]


def test_parameters_and_what_set_them(built):
    assert built("params", "--used-by").out == (
        "parameter    value  set by    used by\n"
        "lr           0.5    Mlfile:2  train\n"
        "model.width  2      Mlfile:5  train\n"
    )
    assert built("params", "--set", "lr=0.1", "--csv").out == (
        "parameter,value,set by\nlr,0.1,--set lr=0.1\nmodel.width,2,Mlfile:5\n"
    )
    new, middle, old = ids(built)
    assert built("params", "diff").out == f"parameter  {old}  {new}\nlr         0.5                   0.25\n"
    document = built("params", "diff", "--json").document
    assert (document["runs"], [(p["name"], p["values"]) for p in document["params"]]) == (
        [old, new],
        [("lr", [0.5, 0.25])],
    )
    assert [p["values"] for p in built("params", "diff", "last", "--json").document["params"]] == [[0.25, 0.5]]
    assert built("params", "diff", "last~1", "last").err == f"no parameter differs between {middle} and {new}\n"
    assert built("params", "show", "last", "--json").document["params"][0]["set_by"] == ["--set lr=0.25"]
    assert built("params", "--set", "rl=1").code == 2


def test_a_log_of_an_earlier_run(built):
    built.edit("train.py", "print(", "print('to the log', file=sys.stderr); print(")
    built.build("train@n=1")
    built.build("-B", "train@n=2")
    assert built("log", "train@n=1", "--run", "last~1").out == "to the log\n"
    assert built("log", "--run", "last", "--json").document["logs"][0]["instance"] == "train@n=2"


def test_runs_that_failed(built):
    built.edit("train.py", "import json, sys", "import json, sys; sys.exit(3 if sys.argv[1] == '2' else 0)")
    built.build("-k", code=1)
    first = built("runs", "--json").document["runs"][0]
    assert (first["outcome"], first["failed"], first["blocked"]) == ("failed", 3, 1)
    assert "✗ failed" in built("runs").out.splitlines()[1]
    assert any(line.startswith("✗ failed") and "train@n=2" in line for line in built("runs", "last").out.splitlines())
    rows = built("metrics", "show", "last", "--json").document["instances"]
    assert "train@n=2" not in {row["instance"] for row in rows}


@pytest.mark.parametrize(("number", "ended"), [(signal.SIGKILL, "cut off"), (signal.SIGINT, "interrupted")])
def test_runs_that_were_ended_from_outside(project, number, ended):
    project.mlfile(
        '[target.quick]\noutputs = ["q"]\nrun = "echo > q"\n'
        '[target.slow]\ninputs = ["q"]\noutputs = ["s"]\nrun = "echo begun; sleep 60"\n'
    )
    argv = [sys.executable, "-m", "mlmake", "-v"]
    with subprocess.Popen(argv, cwd=project.root, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            seen = ""
            while not ("slow | begun\n" in seen and "quick" in seen):
                line = process.stderr.readline()
                assert line, seen
                seen += line
            assert project("runs", "--json").document["runs"][0]["outcome"] == "running"
            process.send_signal(number)
            process.communicate(timeout=20)
        finally:
            process.kill()
    (run,) = project("runs", "--json").document["runs"]
    assert (run["outcome"], run["ran"]) == (ended, 1)
    told = {t["instance"]: t["outcome"] for t in project("runs", "last", "--json").document["targets"]}
    assert told == {"quick": "ran", "slow": None if number == signal.SIGKILL else "cancelled"}
    assert ended in project("runs", "last").out


def test_damaged_and_deleted_runs_break_no_question(built):
    new, middle, old = ids(built)
    folder = built.root / ".mlmake/runs"
    (folder / middle / "events.jsonl").write_bytes((folder / middle / "events.jsonl").read_bytes()[:-200])
    (folder / new / "asked.json").write_text("{")
    (folder / old / "events.jsonl").unlink()
    for argv in (["runs"], ["metrics"], ["metrics", "diff"], ["params"], ["params", "diff"], ["params", "show", new]):
        said = built(*argv)
        assert (said.code, "bug" in said.err) == (0, False), said
    for name in (new, middle, old):
        assert built("runs", name).code == built("metrics", "show", name).code == 0
    assert [run["outcome"] for run in built("runs", "--json").document["runs"]] == ["ok", "cut off", "cut off"]


def test_before_anything_was_built(project):
    project.mlfile('[target.a]\noutputs = ["a"]\nrun = "echo > a"\n')
    assert vars(project("runs")) == {"code": 0, "out": "", "err": "no run is remembered\n"}
    assert vars(project("metrics")) == {"code": 0, "out": "", "err": "no metrics are recorded\n"}
    assert vars(project("metrics", "diff")) == {"code": 0, "out": "", "err": "no two runs differ in their metrics\n"}
    assert project("params", "--json").document == {"schema": "mlmake.params/1", "runs": [None], "params": []}
    assert project("runs", "last").code == 2
    assert not os.path.exists(project.root / ".mlmake/runs")


def test_a_past_can_be_read_where_the_mlfile_has_mistakes(built):
    built.edit("Mlfile", "[params]", "[parms]")
    assert len(built("runs", "--json").document["runs"]) == 3
    assert built("metrics", "show", "last").code == 0
    assert built("metrics").code == 2


def test_where_there_is_no_project(project):
    said = project("runs")
    assert said.code == 2
    assert said.err.startswith("mlmake: no Mlfile in ")


def test_why_something_differs_from_an_earlier_run(built):
    new, middle, old = ids(built)
    assert built("why", "train@n=1", "--vs", "last~2", "--set", "lr=0.25").out == (
        f"train@n=1 differs from run {old} because parameter lr 0.5 → 0.25\n"
    )
    assert built("why", "train@n=2", "--vs", "last", "--set", "lr=0.25").out == (
        f"train@n=2 is made from the same as in run {new}\n"
    )
    assert built("why", "train@n=3", "--vs", middle).out == (
        f"train@n=3 has no remembered result that stood in run {middle}\n"
    )
    lines = built("why", "report", "--vs", "last~2").out.splitlines()
    assert lines[0].startswith(f"report differs from run {old} because build/1.json changed ")
    assert lines[0].endswith("; build/3.json is a new input")
    assert lines[1] == "report ← 2 × train ← parameter lr 0.5 → 0.25"
    assert lines[-1] == "  2 × train  differs  parameter lr 0.5 → 0.25"
    document = built("why", "report", "--vs", "last~2", "--json").document
    assert (document["schema"], document["vs"]) == ("mlmake.why/1", old)
    assert built("why", "report", "--vs", "last~9").code == 2


def test_what_was_only_kept_in_a_run_is_compared_with_the_result_that_stood(built):
    built.edit("train.py", "round(1", "round(2")
    built.write("other.py", "")
    built.edit("Mlfile", "train.py {n}", "train.py {n} ")
    assert built("runs", "last", "--json").document["targets"][0]["outcome"] == "skipped"
    assert "run changed" in built("why", "train@n=1", "--vs", "last", "--set", "lr=0.25").out
