"""The commands on a real project in a temporary folder, by `python -m mlmake`."""

import json
import os
import subprocess
import sys

import jsonschema
import pytest

MLFILE = """\
[params]
lr = 0.1

[target.prep]
inputs  = ["data.txt"]
outputs = ["build/prep"]
run     = "tr a-z A-Z < {inputs[0]} > {outputs[0]}"

[target.train]
inputs  = [":prep"]
outputs = { model = "build/{n}.bin" }
run     = "cat {inputs} > {outputs.model}; echo {params.lr} {n} >> {outputs.model}; echo trained {n}"
[target.train.matrix]
n = [1, 2, 3]

[target.best]
inputs  = [":train"]
outputs = ["build/best"]
run     = "cat {inputs} > {outputs[0]}"

[target.tidy]
run = "echo tidy"

[target.broken]
outputs = ["build/broken"]
run     = "echo it breaks; exit 7"
manual  = true
"""


class Project:
    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *argv, code=0, **how):
        done = subprocess.run(
            [sys.executable, "-m", "mlmake", *argv], cwd=how.get("cwd", self.folder), capture_output=True, text=True,
            stdin=subprocess.DEVNULL, env={**os.environ, **how.get("env", {})}, timeout=60,
        )  # fmt: skip
        assert done.returncode == code, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done


@pytest.fixture
def mlmake(tmp_path, monkeypatch):
    for name in ("MLMAKE_JOBS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "Mlfile").write_text(MLFILE)
    (tmp_path / "data.txt").write_text("some data\n")
    return Project(tmp_path)


def test_why_tells_the_same_chain_before_and_after_the_build(mlmake):
    mlmake("-q")
    before = mlmake("why", "best", "--set", "lr=0.01").stdout
    assert before.splitlines()[0] == "best may run because 3 inputs may change, build/1.bin among them"
    assert before.splitlines()[1] == "best ← 3 × train ← parameter lr 0.1 → 0.01"
    mlmake("-q", "--set", "lr=0.01")
    after = mlmake("why", "best", "--set", "lr=0.01").stdout
    assert after.splitlines()[0].startswith("best is up to date; it last ran in ")
    assert after.splitlines()[1] == "best ← 3 × train ← parameter lr 0.1 → 0.01"


def test_plan_status_and_check_agree_with_the_build(mlmake):
    assert mlmake("plan", "--check", code=3).stdout.endswith("5 to run\n")
    mlmake("build", "--frozen", code=3)
    assert not (mlmake.folder / "build").exists()
    assert mlmake("build").stderr.splitlines()[-1].startswith("5 ran in ")
    mlmake("plan", "--check")
    mlmake("status", "--check")
    assert mlmake("build").stderr.startswith("up to date: nothing to do for 5 targets")
    (mlmake.folder / "data.txt").write_text("other data\n")
    document = json.loads(mlmake("plan", "--json").stdout)
    assert (document["run"], document["maybe"], document["skip"]) == (1, 4, 0)
    assert document["targets"][0]["reasons"][0]["subject"] == "data.txt"


def test_a_failure_shows_its_log_and_exits_1(mlmake):
    said = mlmake("broken", code=1)
    assert "  | it breaks\n" in said.stderr
    assert mlmake("log", "broken", "--failed").stdout == "it breaks\n"
    (line,) = [t for t in mlmake("status", "broken").stdout.splitlines() if "broken" in t]
    assert line.startswith("✗ failed  broken  failed with exit code 7 in run ")


def test_words_stand_for_what_they_say(mlmake):
    lines = [json.loads(t) for t in mlmake("train@n=2", "--json").stdout.splitlines()]
    assert [e["instance"] for e in lines if e["event"] == "target-finished"] == ["prep", "train@n=2"]
    (mlmake.folder / "sub").mkdir()
    mlmake("-q", "../build/best", cwd=mlmake.folder / "sub")
    assert (mlmake.folder / "build/best").exists()
    assert mlmake("path", "train@n=2", cwd=mlmake.folder / "sub").stdout == "../build/2.bin\n"
    said = mlmake("bset", code=2)
    assert said.stderr == 'mlmake: no target, instance or output "bset"; did you mean `best`?\n'
    mlmake("build", "--set", "l=1", code=2)


def test_clean_removes_outputs_and_never_inputs(mlmake):
    mlmake("-q")
    said = mlmake("clean", code=2)
    assert said.stderr.startswith("mlmake: this would remove 5 outputs (")
    mlmake("clean", "-n")
    assert (mlmake.folder / "build/best").exists()
    (mlmake.folder / "build/mine.txt").write_text("keep me")
    mlmake("clean", "-y")
    assert sorted(p.name for p in (mlmake.folder / "build").iterdir()) == ["mine.txt"]
    assert (mlmake.folder / "data.txt").exists()
    assert "5 restored" in mlmake("build").stderr


def test_clean_with_the_cache_says_what_it_costs_and_forgets(mlmake):
    mlmake("-q")
    assert "running 5 steps again would take" in mlmake("clean", "-n", "--cache").stdout
    mlmake("clean", "-y", "--cache")
    assert not (mlmake.folder / "build").exists()
    assert mlmake("plan").stdout.endswith("5 to run\n")
    objects = mlmake.folder / ".mlmake/cache/objects"
    assert not [p for p in objects.rglob("*") if p.is_file()]


def test_clean_of_one_target_leaves_what_others_share(mlmake):
    mlmake("-q")
    mlmake("clean", "-y", "--cache", "best")
    assert "1 ran, 4 up to date" in mlmake("build").stderr


def test_clean_does_not_follow_links_out_of_the_project(mlmake, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "best").write_text("not ours")
    (mlmake.folder / "build").symlink_to(outside)
    mlmake("clean", "-y")
    assert (outside / "best").read_text() == "not ours"


def test_init_makes_a_project_that_builds_at_once(tmp_path):
    mlmake = Project(tmp_path)
    said = mlmake("init", "new")
    assert said.stdout.splitlines()[0] == "new/Mlfile"
    new = Project(tmp_path / "new")
    assert new("build").stderr.splitlines()[-1].startswith("3 ran in ")
    assert new("check", "--strict").stdout.endswith("no mistakes\n")
    before = (tmp_path / "new/Mlfile").read_text()
    assert "is there already" in mlmake("init", "new", code=2).stderr
    assert (tmp_path / "new/Mlfile").read_text() == before
    assert "there is no example" in mlmake("init", "other", "--example", "nope", code=2).stderr
    assert not (tmp_path / "other").exists()


def test_without_an_mlfile_it_says_how_to_start(tmp_path):
    assert "mlmake init" in Project(tmp_path)("plan", code=2).stderr


def test_mistakes_in_the_mlfile_are_all_shown(mlmake):
    (mlmake.folder / "Mlfile").write_text('[target.a]\nruns = "x"\noutput = ["y"]\n')
    said = mlmake("plan", code=2)
    assert "Mlfile:2:1" in said.stderr and "Mlfile:3:1" in said.stderr
    assert mlmake("check", code=2).stdout == said.stderr


def test_the_schema_describes_the_mlfile(mlmake):
    import tomli

    schema = json.loads(mlmake("schema").stdout)
    jsonschema.validate(tomli.loads(MLFILE), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"target": {"a": {"runs": "x"}}}, schema)


def complete(mlmake, words):
    env = {"_MLMAKE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    return {line.partition(",")[2] for line in mlmake(env=env).stdout.splitlines() if line}


def test_completion_knows_commands_options_and_targets(mlmake):
    assert complete(mlmake, "mlmake bu") == {"build"}
    assert complete(mlmake, "mlmake t") == {"train", "tidy"}
    assert complete(mlmake, "mlmake build b") == {"best", "broken"}
    assert complete(mlmake, "mlmake why train@n=") == {"train@n=1", "train@n=2", "train@n=3"}
    assert complete(mlmake, "mlmake plan --cr") == {"--critical-path"}
    (mlmake.folder / "Mlfile").write_text("broken")
    assert complete(mlmake, "mlmake build b") == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed_and_installed(mlmake, shell):
    script = mlmake("completion", shell).stdout
    assert "_MLMAKE_COMPLETE" in script
    said = mlmake("completion", shell, "--install", env={"HOME": str(mlmake.folder)})
    path = said.stdout.partition(" is written")[0]
    assert path.startswith(str(mlmake.folder))
    with open(path) as file:
        assert file.read() == script
    if shell == "bash":
        subprocess.run(["bash", "-n", path], check=True)
