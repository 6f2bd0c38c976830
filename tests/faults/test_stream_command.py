"""Streams that close or are full: the command ends quietly and does its work."""

import os
import subprocess
import sys

import pytest
from aftermath import MLMAKE, Project, needs, no_trace, of_all_kinds


@pytest.fixture
def project(tmp_path):
    return of_all_kinds(tmp_path / "p")


def many(root):
    """A project whose plan is longer than a pipe."""
    project = Project(root)
    project.put(
        "Mlfile",
        "[target.t]\noutputs = ['o/{n}']\nrun = 'true'\nmatrix = { n = { param = 'n' } }\n[params]\nn = 3000\n",
    )
    return project


@needs("bash")
@pytest.mark.parametrize("words", ["plan", "plan --json", "status", "list --all", "graph --expand", "schema", "why t"])
def test_a_closed_pipe_ends_quietly(tmp_path, words):
    project = many(tmp_path / "p")
    script = f"{' '.join(MLMAKE)} {words} | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=project.root, env=project.environ(), capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "0"


@pytest.mark.parametrize("words", [["build"], ["build", "--json"], ["build", "-v"]])
def test_a_build_goes_on_though_nobody_listens(project, words):
    build = project.start(*words)
    build.stdout.close()
    build.stderr.close()
    assert build.wait(60) == 0
    assert project.heals().summary["ran"] == 0


@pytest.mark.parametrize(
    "words", ["plan", "plan --json", "status", "list", "--help", "schema", "build --json", "why best"]
)
@pytest.mark.parametrize("which", ["stdout", "stderr", "both"])
def test_full_streams_show_no_trace(project, words, which):
    words = words.split()
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    with open("/dev/full", "wb") as full:
        streams = {name: full for name in ("stdout", "stderr") if which in (name, "both")}
        said = project.run(*words, **streams)
    if which == "stdout" and words[0] != "build":
        assert said.code == 4 and len(said.err.splitlines()) == 1 and "disk full" in said.err, said
    else:
        assert said.code in (0, 4)
    if words[0] == "build":
        assert (project.root / "build/best.json").exists(), "a view may fail, the build may not"
        project.heals()


@pytest.mark.parametrize("words", [["plan"], ["build"], ["status"], ["build", "--json"]])
def test_streams_that_the_caller_closed(project, words):
    script = "import os, sys; os.close(0); os.close(1); os.close(2); os.execv(sys.executable, sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", script, *MLMAKE, *words],
        cwd=project.root,
        env=project.environ(),
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    project.heals()


def test_a_bug_says_one_line_and_keeps_the_trace(project):
    script = (
        "import sys, mlmake.app as app\ndef broken(*words): raise ZeroDivisionError('of no kind that is expected')\n"
        "app.App.plan = broken\nfrom mlmake.cli.main import main\nsys.argv = ['mlmake', 'plan']\nsys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project.root, env=project.environ(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 4 and "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("mlmake: a bug in mlmake: ZeroDivisionError: of no kind that is expected; the trace is in ")
    with open(line.partition("the trace is in ")[2]) as file:
        assert "Traceback" in file.read()
    os.unlink(line.partition("the trace is in ")[2])
    no_trace(project.run("plan").err)
