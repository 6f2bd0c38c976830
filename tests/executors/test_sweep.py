"""What a killed build left running is ended, and nobody else."""

import os
import select
import signal
import subprocess
import sys
import textwrap

from mlmake.executors.descendants import lives, start_time
from mlmake.executors.sweep import end_leftovers

BUILD = """
    import os, sys
    from mlmake.executors.local import LocalExecutor
    from mlmake.model.job import Job, Process
    def note(job, pid, started):
        print(job, pid, started, flush=True)
    script = "trap '' TERM; sleep 300 & echo $! > child; setsid sleep 300 & echo $! >> child; echo > go; wait"
    root = sys.argv[1]
    job = Job("train-1", "train", Process(("bash", "-c", script)), root, dict(os.environ), root + "/log")
    LocalExecutor(note).execute(job, print)
"""


def test_leftovers_of_a_killed_build_are_ended(tmp_path):
    os.mkfifo(tmp_path / "go")
    build = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(BUILD), tmp_path], stdout=subprocess.PIPE, text=True
    )
    job, pid, started = build.stdout.readline().split()
    with open(tmp_path / "go") as go:
        go.read()
    build.kill()
    build.communicate()
    children = [int(line) for line in (tmp_path / "child").read_text().split()]
    stamped = [(child, start_time(child)) for child in children]
    assert all(lives(*child) for child in stamped)
    lines = end_leftovers([(job, int(pid), int(started))])
    assert not lives(int(pid), int(started))
    assert not any(lives(*child) for child in stamped)
    assert any(line.endswith("sleep 300") for line in lines)
    assert end_leftovers([(job, int(pid), int(started))]) == ()


CALLING = """
    import os, sys
    from mlmake.executors.warm import WarmExecutor
    from mlmake.model.job import FunctionCall, Job
    root = sys.argv[1]
    job = Job("train-1", "train", FunctionCall("steps", "run", {}, {}), root, dict(os.environ), root + "/log")
    WarmExecutor(sys.executable, root, (), lambda *what: None).execute(job, print)
"""


def test_calls_do_not_outlive_a_killed_build(tmp_path):
    os.mkfifo(tmp_path / "go")
    (tmp_path / "steps.py").write_text(
        "import os, time\n"
        "def run():\n"
        "    with open('go', 'w') as go: go.write(f'{os.getpid()} {os.getppid()}')\n"
        "    time.sleep(300)\n"
    )
    build = subprocess.Popen([sys.executable, "-c", textwrap.dedent(CALLING), tmp_path])
    with open(tmp_path / "go") as go:
        watched = [os.pidfd_open(int(pid)) for pid in go.read().split()]
    build.kill()
    build.wait()
    for fd in watched:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert poll.poll(5000), "the step or its parent still lives"
        os.close(fd)


def test_a_pid_that_is_somebody_else_s_by_now_is_left_alone():
    other = subprocess.Popen(["sleep", "300"], start_new_session=True)
    try:
        assert end_leftovers([("job", other.pid, start_time(other.pid) - 1)]) == ()
        assert end_leftovers([]) == ()
        assert other.poll() is None
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
