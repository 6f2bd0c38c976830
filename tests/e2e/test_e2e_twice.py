"""`build --check-deterministic` on real projects: what is told, and that nobody else sees anything of it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

MLFILE = """
    [target.noisy]
    outputs = { scores = "out/noisy.json", text = "out/same.txt" }
    call    = "noisy:run"

    [target.sets]
    matrix  = { n = ["a", "b"] }
    outputs = ["out/{n}.txt", "out/{n}/"]
    call    = "noisy:sets"

    [target.shell]
    inputs  = ["src"]
    outputs = ["out/shell.txt"]
    run     = "date +%N > out/shell.txt"

    [target.where]
    outputs = ["out/where.txt"]
    run     = "pwd > out/where.txt; echo {root} >> out/where.txt; echo x > junk; echo '#' >> Mlfile; echo y >> src"

    [target.late]
    inputs  = [":noisy.text"]
    outputs = ["out/late.txt"]
    run     = "cp {inputs} {outputs}"

    [target.bad]
    outputs = ["out/bad.txt"]
    run     = "echo oops; exit 3"

    [target.nothing]
    outputs = ["out/nothing.txt"]
    run     = "true"

    [target.slow]
    outputs = ["out/slow.txt"]
    run     = "echo started; exec sleep 60"

    [target.best]
    inputs  = [":sets"]
    run     = "true"
"""


@pytest.fixture
def steps(project):
    project.mlfile(MLFILE)
    project.write("src", "1\n")
    project.write(
        "noisy.py",
        """
        import json, random
        def run(scores, text):
            scores.write_text(json.dumps({"steps": 3, "score": [1, random.random()]}))
            text.write_text("same")
        def sets(outputs, n):
            text, folder = outputs
            text.write_text(" ".join(map(str, sorted({f"w{i}" for i in range(30)}))))
            folder.mkdir()
            (folder / "order.txt").write_text("head\\n" + " ".join({f"w{i}" for i in range(30)}) + "\\n")
        """,
    )
    return project


def everything(root):
    found = {}
    for folder, _, files in os.walk(root):
        for name in files:
            path = os.path.join(folder, name)
            if ".mlmake/twice/" not in path and not path.endswith(".mlmake/lock"):
                found[os.path.relpath(path, root)] = Path(path).read_bytes()
    return found


def test_a_call_that_differs_is_named_with_the_value_that_does(steps):
    said = steps("build", "--check-deterministic", "noisy")
    assert said.code == 1
    head, where = said.out.splitlines()
    assert head.startswith("≠ differs  noisy  out/noisy.json differs at score[1]: 0.") and " → 0." in head
    assert where == f"  what the two runs left is in {steps.root}/.mlmake/twice/noisy: first/ and second/"
    kept = steps.root / ".mlmake/twice/noisy"
    left = [json.loads((kept / side / "out/noisy.json").read_text())["score"][1] for side in ("first", "second")]
    assert left[0] != left[1]
    assert not (kept / "first/out/same.txt").exists() and not (kept / "project").exists()


def test_the_order_of_a_set_is_seen_in_a_call_too(steps):
    """Two children of one warm parent would agree about it."""
    said = steps("build", "--check-deterministic", "sets@n=b")
    assert said.code == 1
    assert "out/b/ differs order.txt at line 2: " in said.out and "out/b.txt" not in said.out


def test_a_shell_step(steps):
    said = steps("build", "--check-deterministic", "shell")
    assert said.code == 1 and "out/shell.txt differs at line 1: " in said.out


def test_the_workspace_and_the_records_stay_as_they_are(steps):
    steps.build("shell", "noisy")
    before = everything(steps.root)
    plan = steps.plan()
    said = steps("build", "--check-deterministic", "where")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("✓ same  where  twice the same in 0.0 s and 0.0 s: out/where.txt")
    steps("build", "--check-deterministic", "noisy")
    steps("build", "--check-deterministic", "shell")
    after = everything(steps.root)
    for found in (before, after):
        # Stamps are looked at and the state opened: its file may move, what it says may not.
        found.pop(".mlmake/state/data.mdb"), found.pop(".mlmake/state/clean"), found.pop(".mlmake/state/lock.mdb")
    assert after == before
    assert steps.plan() == plan
    assert not (steps.root / ".mlmake/twice/where").exists()
    assert len(os.listdir(steps.root / ".mlmake/runs")) == 1


def test_all_instances_of_a_target_as_events(steps):
    said = steps("build", "--check-deterministic", "sets", "--json")
    assert said.code == 1
    events = [json.loads(line) for line in said.out.splitlines()]
    assert [(e["event"], e["instance"], e["deterministic"]) for e in events] == [
        ("determinism-checked", "sets@n=a", False),
        ("determinism-checked", "sets@n=b", False),
    ]
    assert [(o["path"], o["same"]) for o in events[0]["outputs"]] == [("out/a.txt", True), ("out/a/", False)]
    assert len(events[0]["seconds"]) == 2 and events[0]["detail"] is None


def test_what_it_needs_has_to_be_there(steps):
    said = steps("build", "--check-deterministic", "late")
    assert (said.code, "late  out/same.txt not there: `mlmake build noisy` first" in said.out) == (1, True)
    steps.build("noisy")
    assert steps("build", "--check-deterministic", "late").code == 0


def test_a_step_that_fails_or_leaves_nothing(steps):
    said = steps("build", "--check-deterministic", "bad")
    assert said.code == 1
    assert said.out == "✗ failed  bad  the first run ended with exit code 3\n  | oops\n"
    said = steps("build", "--check-deterministic", "nothing")
    assert (said.code, said.out) == (1, "✗ failed  nothing  the first run left no out/nothing.txt\n")
    assert not (steps.root / ".mlmake/twice").exists()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["best"], "there is no step with outputs that could be compared"),
        (["nosy"], "did you mean `noisy`?"),
        (["noisy", "shell"], "builds nothing: leave out all other targets"),
        (["noisy", "-n"], "builds nothing: leave out all other targets"),
    ],
)
def test_wrong_words(steps, words, text):
    said = steps("build", "--check-deterministic", *words)
    assert (said.code, text in said.err, said.out) == (2, True, "")


def test_an_interrupt_ends_the_step_and_leaves_nothing(steps):
    process = subprocess.Popen(
        [sys.executable, "-m", "mlmake", "build", "--check-deterministic", "slow"],
        cwd=steps.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    log = steps.root / ".mlmake/twice/slow/first.log"
    while process.poll() is None and not (log.exists() and b"started" in log.read_bytes()):
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert not (steps.root / ".mlmake/twice").exists()
