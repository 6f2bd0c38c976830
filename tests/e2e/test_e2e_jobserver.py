"""Places shared with `make`: what steps start, and who starts mlmake, stay within one number; counted, not timed."""

import array
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no `make`")

COUNT = """
import fcntl, os, sys
def change(by):
    with open("now", "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        now, most, ever = map(int, (file.read() or "0 0 0").split())
        file.truncate(0)
        file.write(f"{now + by} {max(most, now + by)} {ever + (by > 0)}")
change(1)
sum(range(300_000))
change(-1)
"""
# Each waits until so many have come: fewer at once would wait for ever.
MEET = """
import os, pathlib, sys, time
folder, who, wanted = sys.argv[1:]
pathlib.Path(folder).mkdir(exist_ok=True)
pathlib.Path(folder, who).touch()
limit = time.monotonic() + 20
while len(os.listdir(folder)) < int(wanted):
    if time.monotonic() > limit:
        sys.exit(f"{who} waits alone: {os.listdir(folder)}")
    time.sleep(0.005)
"""
JOBS = """
all: $(addprefix job,1 2 3 4 5 6 7 8 9 10 11 12)
job%: ; @$(PYTHON) count.py
together: met-1 met-2 met-3
met-%: ; @$(PYTHON) meet.py met $@ 3
"""
# Whichever comes first kills the make while the others run on its places.
KILLED = """
all: one two three
one two three: ; @$(PYTHON) meet.py met $@ 3; kill -9 $$PPID
"""
# How many tokens the places that a step is offered hold.
FREE = """
import array, fcntl, os, re, sys, termios
source = int(re.search(r"--jobserver-auth=(\\d+),", os.environ["MAKEFLAGS"])[1])
count = array.array("i", [0])
fcntl.ioctl(source, termios.FIONREAD, count)
print(count[0])
"""


@pytest.fixture
def made(project, monkeypatch):
    """The project with programs that count, meet and look."""
    monkeypatch.setenv("PYTHON", sys.executable)
    for path, text in (("count.py", COUNT), ("meet.py", MEET), ("jobs.mk", JOBS), ("free.py", FREE)):
        project.write(path, text)
    return project


def counted(project):
    """The most jobs at once, and how many there were."""
    now, most, ever = map(int, project.read("now").split())
    assert now == 0
    return most, ever


@pytest.mark.parametrize("make", ["make", "make -j8", "true && make -kj 8"])
def test_two_steps_and_what_they_make_stay_within_the_number(made, make):
    made.mlfile(f"[target.t]\nrun = '{make} -f jobs.mk # {{k}}'\nmatrix = {{ k = [1, 2] }}\n")
    made.build("-j2", "t")
    most, ever = counted(made)
    assert ever == 24
    assert most <= 2


def test_an_array_that_starts_make(made):
    made.mlfile('[target.t]\nrun = ["make", "-j8", "-f", "jobs.mk"]\n')
    made.build("-j2", "t")
    assert counted(made)[0] <= 2


def test_a_make_takes_the_places_that_are_free(made):
    made.mlfile('[target.t]\nrun = "make -f jobs.mk together"\n')
    made.build("-j3", "t")


def test_a_call_is_offered_them_too(made):
    made.write(
        "step.py",
        """
        import os, subprocess
        def run(out):
            assert os.system("make -f jobs.mk together") == 0
            subprocess.run(["make", "-f", "jobs.mk"], check=True, close_fds=False)
            out.write_text(os.environ["MAKEFLAGS"])
        """,
    )
    made.mlfile('[target.t]\ncall = "step:run"\noutputs = { out = "out" }\n')
    made.build("-j3", "t")
    assert counted(made) <= (3, 12)


def test_the_caller_s_flags_are_replaced_and_never_recipe(made, monkeypatch):
    made.mlfile(
        """
        [target.t]
        run = "echo $MAKEFLAGS > {outputs}"
        outputs = ["t"]
        [target.own]
        run = "echo $MAKEFLAGS > {outputs}"
        outputs = ["own"]
        env = { MAKEFLAGS = "-j7" }
        [target.passed]
        run = "echo $MAKEFLAGS > {outputs}"
        outputs = ["passed"]
        env = ["MAKEFLAGS"]
        """
    )
    monkeypatch.setenv("MAKEFLAGS", "nk -- CC=clang")
    made.build("-j2")
    assert made.read("t").startswith("-j2 --jobserver-auth=")
    assert len(made.read("t").split()) == 2
    assert (made.read("own"), made.read("passed")) == ("-j7\n", "nk -- CC=clang\n")
    monkeypatch.setenv("MAKEFLAGS", "-s")
    assert made.build("-j5").ran == {"passed"}


def test_places_that_a_killed_make_held_are_there_again(made):
    made.write("kill.mk", KILLED)
    made.mlfile(
        """
        [target.killed]
        run = "make -f kill.mk || {python} free.py > {outputs}"
        outputs = ["lost"]
        [target.after]
        run = "{python} free.py > {outputs}"
        outputs = ["found"]
        inputs = [":killed"]
        """
    )
    made.build("-j4")
    assert int(made.read("lost")) < 3, "the make was killed with places in hand"
    assert int(made.read("found")) == 3


def test_a_make_above_shares_its_places(made):
    """Nine steps below `make -j3`, beside jobs of the make itself; then three jobs have to meet."""
    made.mlfile(
        """
        [target.t]
        run = "{python} count.py; touch {outputs}"
        outputs = ["out/{k}"]
        matrix = { k = [1, 2, 3, 4, 5, 6, 7, 8, 9] }
        [target.meet]
        run = "{python} meet.py steps {k} 3; touch {outputs}"
        outputs = ["met/{k}"]
        matrix = { k = [1, 2, 3] }
        """
    )
    mlmake = f"{sys.executable} -m mlmake"
    made.write(
        "Makefile", f"all: build jobs\nbuild: ; +{mlmake} t\njobs: ; +$(MAKE) -f jobs.mk\nalone: ; +{mlmake} meet\n"
    )
    done = subprocess.run(["make", "-j3", "all"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    most, ever = counted(made)
    assert ever == 21
    assert most <= 3
    for goal in (["alone"], ["-f", "jobs.mk", "together"]):
        done = subprocess.run(["make", "-j3", *goal], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr


def test_a_make_above_that_shares_nothing_is_told_of(made):
    made.mlfile('[target.t]\nrun = "{python} count.py; : {k}"\nmatrix = { k = [1, 2, 3] }\n')
    made.write("Makefile", f"all: ; {sys.executable} -m mlmake t\n")
    done = subprocess.run(["make", "-j3"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("put `+` before the command in its rule: one step runs at a time") == 1
    assert counted(made) == (1, 3)


@pytest.mark.parametrize("end", ["fails", "is interrupted"])
def test_all_places_are_given_back_to_a_make_above(made, end):
    """Three steps run, two of them on the make's places, when one fails or Ctrl-C comes."""
    os.mkdir("met")
    last = "test {k} != 2" if end == "fails" else "sleep 60"
    made.mlfile(f'[target.t]\nrun = "{{python}} meet.py met {{k}} 4; {last}"\nmatrix = {{ k = [1, 2, 3] }}\n')
    source, sink = os.pipe()
    os.write(sink, b"++")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlmake", "t"],
        env={**os.environ, "MAKEFLAGS": f" -j3 --jobserver-auth={source},{sink}"},
        pass_fds=(source, sink),
        stderr=subprocess.DEVNULL,
    )
    while len(os.listdir("met")) < 3 and process.poll() is None:
        time.sleep(0.01)
    assert free(source) == 0, "three run"
    Path("met/go").touch()
    if end == "is interrupted":
        process.send_signal(signal.SIGINT)
    assert process.wait(30) == (1 if end == "fails" else 130)
    assert free(source) == 2
    os.close(source)
    os.close(sink)


def free(fd):
    count = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]


def test_a_wrong_style_is_said(made, monkeypatch):
    made.mlfile('[target.t]\nrun = "true"\n')
    monkeypatch.setenv("MLMAKE_JOBSERVER", "tcp")
    said = made("build", "t")
    assert (said.code, said.err) == (2, "mlmake: MLMAKE_JOBSERVER must be pipe, fifo or none, not `tcp`\n")


def test_a_step_in_the_foreground_is_offered_them_too(made):
    made.mlfile('[target.t]\nrun = "{python} free.py > {outputs}"\noutputs = ["t"]\n')
    assert made("build", "-j4", "--debug", "t").code == 0
    assert made.read("t") == "3\n"


def test_an_mlmake_in_a_step_shares_them(made):
    made.write(
        "inner/Mlfile", '[target.t]\nrun = "cd ..; {python} count.py; : {k}"\nmatrix = { k = [1, 2, 3, 4, 5] }\n'
    )
    made.mlfile('[target.t]\nrun = "{python} -m mlmake -C inner -j8 t; : {k}"\nmatrix = { k = [1, 2] }\n')
    # The two have one project: one waits for the other, in its place.
    made.build("-j2", "t")
    assert counted(made)[0] <= 2


def test_the_fifo_is_gone_after_the_build(made, monkeypatch):
    monkeypatch.setenv("MLMAKE_JOBSERVER", "fifo")
    monkeypatch.setenv("MLMAKE_STATE_DIR", ".mlmake")
    made.mlfile('[target.t]\nrun = "echo $MAKEFLAGS > {outputs}; test -p .mlmake/jobserver"\noutputs = ["t"]\n')
    made.build("-j2")
    assert made.read("t") == f"-j2 --jobserver-auth=fifo:{made.root}/.mlmake/jobserver\n"
    assert not (made.root / ".mlmake" / "jobserver").exists()
