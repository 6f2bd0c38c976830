"""`mlmake build --debug`: one step in the foreground, with the terminal, and recorded as any other."""

import sys

import pytest
from terminal import Terminal

MLFILE = """
    [target.split]
    outputs = ["build/split.txt"]
    run     = "echo 1 > {outputs}"

    [target.train]
    inputs  = { split = "build/split.txt" }
    outputs = { model = "build/model.txt" }
    call    = "steps.train:run"
    timeout = "1ms"
    retries = 3

    [target.echo]
    inputs  = [":split"]
    outputs = ["build/echo.txt"]
    run     = '''echo ready; read -r line; echo "read $line"; echo "$line" > {outputs}; test "$line" != bad'''

    [target.report]
    inputs  = [":train", ":echo"]
    outputs = ["build/report.txt"]
    run     = "cat {inputs} > {outputs}"

    [target.many]
    outputs = ["build/{k}.txt"]
    matrix  = { k = ["a", "b"] }
    metrics = "build/{k}.txt"
    run     = "echo {k} > {outputs}"

    [target.best]
    inputs  = [":many"]
    select  = { by = "x" }
    outputs = ["build/best.json"]

    [target.all]
    inputs = [":report"]
"""

STEP = """
    import sys
    from steps import size

    def run(split, model, step):
        size_now = size.N
        breakpoint()
        model.write_text(f"{size_now} {split.read_text()}")
        step.report(size=size_now)
"""


@pytest.fixture
def debugged(project):
    project.mlfile(MLFILE)
    project.write("steps/train.py", STEP)
    project.write("steps/size.py", "N = 41\n")
    return project


@pytest.fixture
def on_terminal(debugged):
    opened = []

    def start(*words):
        opened.append(Terminal.mlmake(*words, cwd=debugged.root))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def test_breakpoint_works_on_a_terminal_and_the_success_is_recorded(debugged, on_terminal):
    terminal = on_terminal("build", "--debug", "train")
    terminal.expect("train runs in the foreground; Ctrl-C goes to it")
    terminal.expect("(Pdb) ")
    terminal.type("p size_now + 1\n")
    terminal.expect("42")
    terminal.type("c\n")
    assert terminal.end() == 0
    assert "2 ran" in terminal.said
    assert debugged.read("build/model.txt") == "41 1\n"
    # Upstream was built, and nothing after it.
    assert debugged.plan() | {"report": "?"} == {
        "split": "skip", "train": "skip", "echo": "run", "report": "?", "many@k=a": "run", "many@k=b": "run",
        "best": "run",
    }  # fmt: skip
    # What it imported was seen.
    debugged.write("steps/size.py", "N = 1234\n")
    said = debugged("why", "train").out
    assert "code of steps/size.py changed" in said


def test_it_runs_though_it_is_up_to_date_and_the_debugger_may_be_quit(debugged, on_terminal):
    debugged.write("steps/train.py", STEP.replace("breakpoint()", "print('plain')"))
    assert debugged.command("build", "--debug", "train").code == 0
    debugged.write("build/mark", "")
    said = debugged.command("build", "--debug", "train")
    assert (said.code, said.out) == (0, "plain\n")
    debugged.write("steps/train.py", STEP)
    terminal = on_terminal("build", "--debug", "train")
    terminal.expect("(Pdb) ")
    terminal.type("q\n")
    assert terminal.end() == 1
    assert "the debugger was quit" in terminal.said
    assert "Traceback" not in terminal.said
    # Once, though three more tries would be allowed; and the former output is back.
    assert "attempt 2" not in terminal.said
    assert debugged.read("build/model.txt") == "41 1\n"


def test_ctrl_c_goes_to_the_step_which_may_go_on(debugged, on_terminal):
    debugged.write(
        "steps/train.py",
        """
        def run(split, model):
            try:
                print("ready", flush=True)
                input()
            except KeyboardInterrupt:
                print("caught it")
            model.write_text("x")
        """,
    )
    terminal = on_terminal("build", "--debug", "train")
    terminal.expect("ready")
    terminal.type("\x03")
    terminal.expect("caught it")
    assert terminal.end() == 0
    assert debugged.plan("train")["train"] == "skip"


def test_a_step_that_ctrl_c_ends_interrupts_the_build(debugged, on_terminal):
    debugged.write("build/echo.txt", "mine")
    terminal = on_terminal("build", "--debug", "echo")
    terminal.expect("ran      ")
    terminal.expect("echo runs in the foreground")
    terminal.expect("ready")
    terminal.type("\x03")
    assert terminal.end() == 130, terminal.said
    assert debugged.read("build/echo.txt") == "mine"


def test_ctrl_c_before_the_step_has_begun_is_not_lost(debugged, on_terminal):
    terminal = on_terminal("build", "--debug", "echo")
    terminal.expect("echo runs in the foreground")
    terminal.type("\x03")
    assert terminal.end() == 130, terminal.said


def test_a_terminal_that_the_step_left_in_disorder_is_put_right(debugged):
    debugged.write(
        "disorder.py",
        """
        import os, signal, tty
        tty.setraw(0)
        if os.fork() == 0:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            os.tcsetpgrp(0, os.getpgrp())
            os._exit(0)
        os.wait()
        open("build/out.txt", "w").close()
        """,
    )
    debugged.mlfile(
        """
        [target.out]
        outputs = ["build/out.txt"]
        run     = ["{python}", "disorder.py"]
        """
    )
    script = f"{sys.executable} -m mlmake build --debug out; echo code $?; read -r line; echo got $line"
    terminal = Terminal(["sh", "-c", script], cwd=debugged.root)
    try:
        before = terminal.modes()
        terminal.expect("code 0")
        assert terminal.modes() == before
        # Who is not in the foreground could not read.
        terminal.type("this\n")
        terminal.expect("got this")
        assert terminal.end() == 0
    finally:
        terminal.close()


def test_a_command_reads_what_is_typed_and_writes_where_we_do(debugged):
    said = debugged.command("build", "--debug", "echo", input="hello\n")
    assert (said.code, said.out) == (0, "ready\nread hello\n")
    assert debugged.read("build/echo.txt") == "hello\n"
    assert debugged.plan("echo")["echo"] == "skip"
    assert "ran in the foreground" in debugged("log", "echo").out
    failed = debugged.command("build", "--debug", "echo", input="bad\n")
    assert failed.code == 1
    assert debugged.read("build/echo.txt") == "hello\n"


def test_a_failure_upstream_keeps_it_from_starting(debugged):
    debugged.edit("Mlfile", "echo 1 >", "false >")
    said = debugged.command("build", "--debug", "echo", input="hello\n")
    assert said.code == 1
    assert said.out == ""
    assert "blocked" in said.err


def test_call_steps_run_under_the_projects_python(debugged):
    debugged.write(
        "steps/train.py",
        """
        import os, sys

        def run(model):
            print(sys.argv, os.environ["WRAPPED"])
            model.touch()
        """,
    )
    wrapper = debugged.write("bin/python", f'#!/bin/sh\nexport WRAPPED=yes\nexec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    debugged.write("Mlfile", '[project]\npython = "bin/python"\n' + debugged.read("Mlfile"))
    said = debugged.command("build", "--debug", "train")
    assert (said.code, said.out) == (0, "[''] yes\n")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--debug", "many"), "--debug runs one step, and many means 2: many@k=a, many@k=b; name one of them"),
        (("--debug", "best"), "it is a `select`, no step of yours"),
        (("--debug", "all"), "it is a group, no step of yours"),
        (("--debug", "trian"), "did you mean `train`?"),
        (("--debug", "train", "echo"), "leave out echo"),
        (("--debug", "train", "--json"), "use one of them"),
    ],
)
def test_what_cannot_be_debugged_is_wrong_usage(debugged, words, text):
    said = debugged("build", *words)
    assert said.code == 2
    assert text in said.err
    assert not (debugged.root / "build").exists()


def test_frozen_and_dry_run_run_nothing(debugged):
    assert debugged.command("build", "--debug", "train", "--frozen").code == 3
    said = debugged("build", "-n", "--debug", "train")
    assert said.code == 0
    assert "split" in said.out
    assert "forced" in said.out or "never built" in said.out
    assert not (debugged.root / "build/model.txt").exists()
