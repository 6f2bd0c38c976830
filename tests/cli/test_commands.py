"""The commands against a stand-in for the project: arguments in, text, documents and exit codes out."""

import json
import subprocess
import sys

import pytest
from small_graph import Remembered, action, graph, maybe, planned, run, skip, trace

from mlmake.cli.words import COMMANDS
from mlmake.mlfile.problems import Problem
from mlmake.model.decision import Decision, Verb
from mlmake.model.event import Outcome, OutputText, RunFinished, RunStarted, TargetFinished, TargetStarted
from mlmake.model.reason import Code, Reason
from mlmake.model.trace import Failure

LR = Reason(Code.PARAM_CHANGED, "lr", 0.1, 0.01)
GRAPH = graph(
    action("train@n=1", outputs=["build/1.bin"]),
    action("train@n=2", outputs=["build/2.bin"]),
    action("best", ["train@n=1", "train@n=2"], ["build/best.json"]),
    action("page", outputs=["build/page/"], after=["best"]),
    action("plan", outputs=["build/plan"]),
    action("secret", outputs=["s"]),
    manual=["secret"],
)
STALE = planned(run("train@n=1", LR), run("train@n=2", LR), maybe("best", "build/1.bin"), skip("page"))
DONE = planned(skip("train@n=1"), skip("best"))


@pytest.fixture(autouse=True)
def project(stage):
    stage.graph, stage.plan, stage.memory = GRAPH, STALE, Remembered()
    return stage


def ended(outcome, **how):
    return RunFinished(9, "r1", outcome, 1, 0, 0, 0, 0, 2.0, 0, **how)


STARTED = RunStarted(1, "r1", 1, 2)
RAN = [
    STARTED,
    TargetStarted(2, "best", "best", (LR,), 1, "log"),
    OutputText(3, "best", "stdout", "hello\n"),
    TargetFinished(4, "best", "best", Outcome.RAN, (LR,), 2.0, {"accuracy": 0.5}, 0),
    ended("ok"),
]


def test_build_tells_on_stderr_and_keeps_the_journal(mlmake, stage, tmp_path):
    stage.events = RAN
    said = mlmake("best")
    assert vars(said) == {
        "code": 0,
        "out": "",
        "err": "✓ ran        best  2.0 s  accuracy 0.5  (parameter lr 0.1 → 0.01)\n1 ran in 2.0 s\n",
    }
    assert stage.words("build") == ("best",)
    assert (tmp_path / ".mlmake/runs/r1/events.jsonl").read_text().count("\n") == 4
    assert stage.closed == 1


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (ended("ok"), 0),
        (ended("failed"), 1),
        (ended("not-up-to-date"), 3),
        (ended("interrupted"), 130),
        (ended("interrupted", signal=2), 130),
        (ended("interrupted", signal=15), 143),
        (ended("interrupted", signal=1), 129),
    ],
)
def test_the_end_of_a_run_gives_the_exit_code(mlmake, stage, end, code):
    stage.events = [STARTED, end]
    assert mlmake("build").code == code


def test_a_build_that_never_began_was_interrupted(mlmake, stage):
    stage.events = []
    assert mlmake("build").code == 130


def test_a_machine_that_fails_in_a_build(mlmake, stage):
    stage.events = [STARTED, OSError(28, "x", "/full")]
    assert vars(mlmake("build")) == {"code": 4, "out": "", "err": "mlmake: /full: disk full; make room there\n"}
    assert stage.closed == 1


def test_build_as_json_lines_on_stdout(mlmake, stage):
    stage.events = RAN
    said = mlmake("--json", "build")
    assert said.err == ""
    assert [json.loads(line)["event"] for line in said.out.splitlines()] == [
        "run-started",
        "target-started",
        "output",
        "target-finished",
        "run-finished",
    ]


def test_verbose_shows_the_output_of_steps(mlmake, stage):
    stage.events = RAN
    assert "best | hello\n" in mlmake("-v").err
    assert stage.choices.verbose == 1


def test_quiet_is_quiet(mlmake, stage):
    stage.events = RAN
    assert vars(mlmake("-q")) == {"code": 0, "out": "", "err": ""}


def test_flags_become_choices(mlmake, stage):
    stage.events = RAN
    mlmake(
        *("-C", "d", "-f", "M", "-j", "3", "-k", "-B", "--force", "a", "--force", "b", "--set", "x=1", "--set", "y=2"),
        *("--params", "p.toml", "--exact", "--rehash", "--no-cache", "--frozen", "--retry", "2", "best"),
    )
    choices = stage.choices
    assert (choices.directory, choices.file, choices.jobs, choices.retry) == ("d", "M", 3, 2)
    assert (choices.set, choices.params_file, choices.force) == (("x=1", "y=2"), "p.toml", ("a", "b"))
    flags = ("force_named", "exact", "rehash", "no_cache", "frozen", "keep_going")
    assert all(getattr(choices, name) is True for name in flags)


def test_a_flag_beats_the_environment(mlmake, stage, monkeypatch):
    stage.events = RAN
    monkeypatch.setenv("MLMAKE_JOBS", "7")
    mlmake("build")
    assert stage.choices.jobs == 7
    stage.asked.clear()
    mlmake("build", "-j2")
    assert stage.choices.jobs == 2


@pytest.mark.parametrize("command", ["plan", "status", "why", "build"])
def test_what_if_questions_hold_for_every_judging_command(mlmake, stage, command):
    stage.events = RAN
    mlmake(command, "best", "--set", "lr=0.1", "--params", "p", "--exact", "-B", "--force", "best")
    choices = stage.choices
    assert choices.set == ("lr=0.1",)
    assert choices.params_file == "p"
    assert choices.exact and choices.force_named
    assert choices.force == ("best",)


def test_plan_and_dry_run_whole(mlmake, stage):
    text = (
        "▶ run    train@n=1  parameter lr 0.1 → 0.01\n"
        "▶ run    train@n=2  parameter lr 0.1 → 0.01\n"
        "? maybe  best       build/1.bin may change\n"
        "2 to run, 1 may run, 1 up to date\n"
    )
    assert vars(mlmake("plan")) == {"code": 0, "out": text, "err": ""}
    assert vars(mlmake("-n")) == {"code": 0, "out": text, "err": ""}
    assert mlmake("plan", "--all").out.splitlines()[3] == "· skip   page       up to date"


def test_plan_tells_how_long_it_took_last_time(mlmake, stage):
    from dataclasses import replace

    stage.plan = replace(STALE, expected={"train@n=1": 75.0})
    lines = mlmake("plan").out.splitlines()
    assert lines[0] == "▶ run    train@n=1  1 min 15 s  parameter lr 0.1 → 0.01"
    assert lines[-1] == (
        "2 to run, 1 may run, 1 up to date; the runs took 1 min 15 s of work last time, 1 of them for the first time"
    )


@pytest.mark.parametrize("command", ["plan", "status"])
def test_check_gives_3_unless_all_is_up_to_date(mlmake, stage, command):
    assert mlmake(command, "--check").code == 3
    stage.plan = planned(Decision("best", Verb.RESTORE, (Reason(Code.CACHED, "r"),)))
    assert mlmake(command, "--check").code == 3
    stage.plan = DONE
    assert mlmake(command, "--check").code == 0


def test_the_plan_document(mlmake, stage):
    document = json.loads(mlmake("plan", "--json").out)
    assert document["schema"] == "mlmake.plan/1"
    assert {key: document[key] for key in ("run", "restore", "skip", "maybe", "next_due")} == {
        "run": 2,
        "restore": 0,
        "skip": 1,
        "maybe": 1,
        "next_due": None,
    }
    assert document["targets"][0] == {
        "target": "train",
        "instance": "train@n=1",
        "decision": "run",
        "reasons": [
            {"code": "param-changed", "subject": "lr", "old": 0.1, "new": 0.01, "text": "parameter lr 0.1 → 0.01"}
        ],
        "expected_seconds": None,
        "left_seconds": None,
    }


def test_a_step_that_ended_with_0_and_failed_is_not_said_to_have_failed_with_0(mlmake, stage):
    stage.plan = planned(run("plan", LR))
    stage.memory.failure = lambda name: Failure("plan", "r", "k", "r7", 1.0, "failed", 0)
    assert "failed in run r7; " in mlmake("status").out


def test_status_says_one_line_a_target(mlmake, stage):
    stage.plan = planned(
        run("train@n=1", LR),
        run("train@n=2", Reason(Code.NEVER_BUILT)),
        Decision("best", Verb.SKIP, (Reason(Code.FRESH, "", None, 90),)),
        skip("page"),
        run("plan", LR),
    )
    stage.memory.failure = lambda name: Failure("plan", "r", "k", "r7", 1.0, "failed", 3) if name == "plan" else None
    assert mlmake("status").out == (
        "○ stale       train@n=1  parameter lr 0.1 → 0.01\n"
        "○ missing     train@n=2  never built\n"
        "✓ fresh       best       fresh, 1 min 30 s left\n"
        "✓ up to date  page\n"
        "✗ failed      plan       failed with exit code 3 in run r7; parameter lr 0.1 → 0.01\n"
    )
    targets = json.loads(mlmake("status", "--json").out)["targets"]
    assert [t["state"] for t in targets] == ["stale", "missing", "fresh", "up to date", "failed"]
    assert (targets[2]["left_seconds"], targets[4]["failed_in"]) == (90, "r7")


def test_colour_by_flag_beats_the_environment(mlmake, monkeypatch):
    assert "\x1b[" not in mlmake("plan").out
    assert "\x1b[" in mlmake("plan", "--color", "always").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in mlmake("plan").out
    assert "\x1b[" not in mlmake("plan", "--color", "never").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in mlmake("plan").out


def test_why_before_a_build_whole(mlmake, stage):
    from dataclasses import replace

    one = Decision("best", Verb.MAYBE, tuple(Reason(Code.INPUT_MAY_CHANGE, f"build/{n}.bin") for n in (1, 2)))
    stage.plan = replace(planned(run("train@n=1", LR), run("train@n=2", LR), one), request=planned(one).request)
    assert mlmake("why", "best").out == (
        "best may run because build/1.bin may change; build/2.bin may change\n"
        "best ← 2 × train ← parameter lr 0.1 → 0.01\n"
        "\n"
        "  best       maybe  build/1.bin may change; build/2.bin may change\n"
        "  2 × train  run    parameter lr 0.1 → 0.01\n"
    )


def test_why_of_many_instances_is_told_once(mlmake, stage):
    stage.plan = planned(run("train@n=1", LR), run("train@n=2", LR))
    assert mlmake("why", "train").out == (
        "train@n=1 will run because parameter lr 0.1 → 0.01\nThe same holds for 1 more: train@n=2\n"
    )
    answers = json.loads(mlmake("why", "train", "--json").out)["answers"]
    assert [a["instance"] for a in answers] == ["train@n=1", "train@n=2"]


def test_why_after_a_build(mlmake, stage):
    stage.plan = planned(skip("page"))
    stage.memory = Remembered(trace("page", "r1", Reason(Code.NEVER_BUILT)))
    assert mlmake("why", "page").out == "page is up to date; it last ran in r1 because it was never built\n"
    document = json.loads(mlmake("why", "page", "--json").out)
    assert (document["schema"], document["instance"]) == ("mlmake.why/1", "page")
    assert document["links"][0]["reasons"][0]["code"] == "never-built"


def test_list(mlmake):
    assert mlmake("list").out == "train ×2\nbest\npage\nplan\n"
    shown = mlmake("list", "--all").out
    assert shown == "train ×2\n  train@n=1\n  train@n=2\nbest\npage\nplan\nsecret    (manual)\n"
    assert [t["target"] for t in json.loads(mlmake("list", "--json", "--all").out)["targets"]][-1] == "secret"


def test_path_is_seen_from_here(mlmake, stage, tmp_path, monkeypatch):
    assert mlmake("path", "train").out == "build/1.bin\nbuild/2.bin\n"
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert mlmake("path", "page").out == "../build/page/\n"
    assert json.loads(mlmake("path", "best", "--json").out)["paths"] == ["../build/best.json"]


def test_a_path_that_is_no_utf8_comes_out_as_its_bytes(mlmake, stage):
    stage.graph = graph(action("a", outputs=["caf\udce9"]))
    assert mlmake("path", "a").out == "caf\udce9\n"


def test_an_unknown_target_is_wrong_use(mlmake):
    said = mlmake("path", "bets")
    assert vars(said) == {
        "code": 2,
        "out": "",
        "err": 'mlmake: no target, instance or output "bets"; did you mean `best`?\n',
    }


def test_graph_whole(mlmake):
    assert mlmake("graph", "page", "train").out == "page\n└── best (order only)\n    └── train ×2\n"


def test_graph_asks_for_one_form(mlmake):
    assert mlmake("graph", "--dot", "--mermaid").code == 2


def test_check_finds_what_a_command_hides_and_doubts(mlmake, stage):
    stage.doubts = (Problem(("target", "best"), "`:train` means every instance", hint="write `:train@*`"),)
    said = mlmake("check")
    assert said.code == 0
    assert said.out == (
        "Mlfile: `:train` means every instance\nhint: write `:train@*`\n\n"
        "target plan is named like a command: `mlmake plan` is the command, `mlmake build plan` builds it\n"
        "5 targets, 6 steps: no mistakes, 2 doubts\n"
    )
    assert mlmake("check", "--strict").code == 2


def test_check_of_a_good_mlfile(mlmake, stage):
    stage.graph = graph(action("a", outputs=["o"]))
    assert vars(mlmake("check")) == {"code": 0, "out": "1 target, 1 step: no mistakes\n", "err": ""}
    strict = mlmake("check", "--strict")
    assert (strict.code, strict.out.splitlines()[-1]) == (0, "1 target, 1 step: no mistakes")


def test_check_prints_mistakes_as_its_result(mlmake, stage):
    stage.error = sys.modules["mlmake.app"].MlfileMistakes("Mlfile:1:1: bad\n")
    assert vars(mlmake("check")) == {"code": 2, "out": "Mlfile:1:1: bad\n", "err": ""}
    assert json.loads(mlmake("check", "--json").out) == {
        "schema": "mlmake.check/1",
        "mistakes": ["Mlfile:1:1: bad\n"],
        "doubts": [],
    }


def test_notices_of_the_project_are_told(mlmake, stage):
    stage.notices.append("the state was damaged, rebuilt")
    assert mlmake("plan").err == "notice: the state was damaged, rebuilt\n"


NOT_YET = [name for name, (module, _) in COMMANDS.items() if module == "mlmake.cli.later"]


@pytest.mark.parametrize(
    "argv",
    [
        *([name, "--any", "thing"] for name in NOT_YET),
        ["build", "--watch"],
        ["build", "--on", "ray"],
        ["plan", "--critical-path"],
        ["graph", "--svg", "a.svg"],
        ["graph", "--html", "a.html"],
        ["serve", "--watch"],
        ["init", "--vscode"],
    ],
    ids=" ".join,
)
def test_what_is_not_built_yet_says_so(mlmake, argv):
    said = mlmake(*argv)
    assert said.code == 2
    assert said.out == ""
    assert said.err.endswith("is not yet built\n")
    assert argv[0] in said.err


def test_help_and_version(mlmake):
    assert mlmake("--version").out.startswith("mlmake 0.")
    everything = mlmake("--help").out
    assert all(f"  {name} " in everything for name in COMMANDS)
    for name in COMMANDS:
        assert mlmake(name, "--help").out.startswith(f"Usage: mlmake {name} ")
        assert mlmake(name, "-h").code == 0


def test_every_command_takes_the_global_options_after_it_too(mlmake, stage):
    stage.events = RAN
    for name in [n for n in COMMANDS if n not in NOT_YET]:
        text = mlmake(name, "--help").out
        for flag in ("-C, --directory", "--file", "-v, --verbose", "-q, --quiet", "--color", "--json", "-h, --help"):
            assert flag in text, (name, flag)


def test_the_command_imports_nothing_heavy():
    script = (
        "import sys; from mlmake.cli.commands import run; run(['plan', '--help']); "
        "print(sorted(set(sys.modules) & {'rich', 'asyncio', 'starlette', 'uvicorn', 'sklearn', 'yaml', 'lmdb'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
