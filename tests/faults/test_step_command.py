"""Steps that fail, are killed, leave processes, read, flood and write nonsense, through the command."""

import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

import pytest
from aftermath import Project, end, kill_marked, marked, wait_for

TWO = """
[target.first]
inputs = ["how.sh"]
outputs = { a = "out/a", folder = "out/folder/" }
run = "bash how.sh"
[target.second]
inputs = { a = ":first.a" }
outputs = ["out/b"]
run = "cat {inputs.a} > {outputs}"
"""
GOOD = "mkdir out/folder; echo good > out/folder/f; echo good > out/a\n"


def project_of(root, how=GOOD):
    project = Project(root).write(Mlfile=TWO)
    project.put("how.sh", how)
    return project


def fails_and_heals(project, how, said):
    """A step that fails after it was good leaves what was there, and says so; then all is mended."""
    project.build()
    before, kept = project.files(), project.objects()
    project.put("how.sh", how)
    before["how.sh"] = project.mine["how.sh"]
    for _ in range(2):
        ended = project.run("build")
        assert ended.code == 1, ended
        for text in said:
            assert text in ended.err, ended.err
        assert project.files() == before
        assert project.objects() == kept, "nothing of a failed step is kept"
    assert project.build(code=1).outcomes() == {"first": "failed", "second": "blocked"}
    assert json.loads(project.run("plan", "--json").out)["run"] >= 1
    project.put("how.sh", GOOD.replace("good", "better"))
    project.heals(kept=kept)


def test_row_20_a_step_that_writes_nothing_has_failed(tmp_path):
    project = project_of(tmp_path / "p", "true")
    said = project.run()
    assert said.code == 1 and "did not create out/a, out/folder/" in said.err, said
    assert not Path(project.root, "out/b").exists()
    project.put("how.sh", GOOD)
    fails_and_heals(project, "true\n", ["did not create out/a, out/folder/"])


def test_row_20_a_step_that_writes_one_output_of_two_has_failed(tmp_path):
    fails_and_heals(project_of(tmp_path / "p"), "echo new > out/a\n", ["did not create out/folder/"])


def test_row_20_a_file_where_a_folder_is_declared_is_no_output(tmp_path):
    how = "echo new > out/a; echo new > out/folder\n"
    fails_and_heals(project_of(tmp_path / "p"), how, ["did not create out/folder/"])


def test_row_20_a_pipe_is_no_output(tmp_path):
    how = "mkdir out/folder; mkfifo out/a\n"
    fails_and_heals(project_of(tmp_path / "p"), how, ["out/a", ": is a pipe, socket or device, not a file"])


def test_row_21_a_step_that_fails_half_way_leaves_what_was_there(tmp_path):
    fails_and_heals(
        project_of(tmp_path / "p"), "mkdir out/folder; echo part > out/a; echo oh >&2; exit 3\n", ["exit code 3", "oh"]
    )


def test_row_21_a_first_step_that_fails_half_way_leaves_nothing(tmp_path):
    project = project_of(tmp_path / "p", "mkdir out/folder; echo part > out/a; exit 3\n")
    assert project.run().code == 1
    assert project.run().code == 1, "that a file was there means nothing"
    assert not Path(project.root, "out/a").exists() and not Path(project.root, "out/folder").exists()
    project.put("how.sh", GOOD)
    project.heals()


def test_row_22_a_killed_step_is_reported_with_a_hint_at_memory(tmp_path):
    fails_and_heals(project_of(tmp_path / "p"), "echo part > out/a; kill -9 $$\n", ["signal 9", "137", "memory"])


def test_row_22_a_step_without_memory_has_failed(tmp_path):
    how = f"echo part > out/a; ulimit -v 300000; exec {sys.executable} -c 'bytes(1 << 33)'\n"
    fails_and_heals_with_trace(project_of(tmp_path / "p"), how)


def fails_and_heals_with_trace(project, how):
    """The step's own traceback is shown, and is not ours."""
    project.build()
    before = project.files()
    project.put("how.sh", how)
    said = project.run("build", "-q", "--json")
    assert said.code == 1 and said.outcomes()["first"] == "failed"
    log = project.run("log", "first", "--path").out.strip()
    assert "MemoryError" in Path(project.root, log).read_text()
    assert {**project.files(), "how.sh": before["how.sh"]} == before
    project.put("how.sh", GOOD)
    project.heals()


FORK_TWICE = """{python} -c '
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execlp("sleep", "sleep", "{mark}")
' """


@pytest.mark.parametrize(
    "leave",
    ["sleep {mark} &", "setsid sleep {mark} &", "(setsid bash -c 'sleep {mark} & sleep {mark}' &)", FORK_TWICE],
)
def test_rows_26_and_27_nothing_survives_a_step(tmp_path, leave):
    mark = f"86402.{os.getpid()}"
    project = project_of(tmp_path / "p", GOOD + leave.format(mark=mark, python=sys.executable) + "\nsleep 0.1\n")
    began = time.monotonic()
    try:
        said = project.run()
        assert said.code == 0 and time.monotonic() - began < 15
        assert marked(mark) == []
        assert "left processes behind, which were ended: " in said.err and f"sleep {mark}" in said.err, said.err
    finally:
        kill_marked(mark)
    project.heals()


def test_row_28_a_step_that_reads_meets_the_end(tmp_path):
    read = f"cat > out/a; {sys.executable} -c 'import sys; sys.exit(sys.stdin.read() != \"\")'; mkdir out/folder\n"
    project = project_of(tmp_path / "p", read)
    began = time.monotonic()
    assert project.run().code == 0 and time.monotonic() - began < 15
    project.heals()


# A small process between: what is started from a big one begins with its peak.
PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("size", ["200M", pytest.param("3G", marks=pytest.mark.slow)])
def test_row_29_a_flood_is_capped_and_takes_no_memory(tmp_path, size):
    project = project_of(tmp_path / "p", f"(yes || true) | head -c {size}; echo the end\n" + GOOD)
    build = project.run("build", "--json", wrap=(sys.executable, "-c", PEAK), timeout=300)
    assert build.code == 0
    assert int(build.err.split()[-1]) < 200_000, "kilobytes"
    log = Path(project.root, project.run("log", "first", "--path").out.strip())
    assert log.stat().st_size < 65 << 20
    with open(log, "rb") as file:
        file.seek(-20, os.SEEK_END)
        assert file.read().endswith(b"the end\n")
        file.seek(32 << 20)
        assert b"bytes left out here" in file.read(200)
    shown = project.run("log", "first")
    assert shown.code == 0
    project.heals()


def test_row_30_any_bytes_may_be_said(tmp_path):
    said = b"\xff\xfe\0\x1b[31mred\x1b[0m\r\x1b]0;title\x07" + "ü€".encode()[:3] + b"\n"
    project = project_of(tmp_path / "p")
    project.put("said", said + b"x" * 3_000_000)
    project.put("how.sh", "cat said; " + GOOD)
    assert project.run("build", "-v").code == 0
    log = Path(project.root, project.run("log", "first", "--path").out.strip())
    assert log.read_bytes() == project.mine["said"]
    assert project.build("-v", "--force", "first").events
    project.put("how.sh", "cat said; exit 1\n")
    failed = project.run("build")
    assert failed.code == 1 and "\0" not in failed.err and "\x1b" not in failed.err
    project.put("how.sh", GOOD)
    project.heals()


@pytest.mark.slow
def test_row_30_a_line_of_100_mb(tmp_path):
    project = project_of(tmp_path / "p", "head -c 100M /dev/zero\n" + GOOD)
    for words in (["-v"], ["-v", "--json", "--force", "first"]):
        assert project.run("build", *words).code == 0
    project.heals()


SLOW = """
[target.a]
inputs = ["how.sh"]
outputs = ["out/{n}"]
run = "bash how.sh {outputs}"
matrix = { n = [1, 2, 3, 4] }
[target.called]
inputs = ["how.sh"]
outputs = { out = "out/called" }
call = "steps:run"
[target.b]
inputs = [":a", ":called"]
outputs = ["out/b"]
run = "cat {inputs} > {outputs}"
"""
STEPS = """
import subprocess


def run(how, out):
    subprocess.run(["bash", how, out], check=True)
"""


def running(root, mark, how):
    """A project that was built, in which four commands and one call run for long now."""
    project = Project(root).write(
        Mlfile=SLOW.replace('["how.sh"]\noutputs = { out', '{ how = "how.sh" }\noutputs = { out')
    )
    project.put("steps.py", STEPS)
    project.put("how.sh", "echo good > $1\n")
    project.build()
    project.put("how.sh", f"echo half > $1; {how}\nsleep {mark} & sleep {mark}; echo bad > $1\n")
    return project


def no_more(project, mark):
    """Nothing survives; what was there is there; all is mended."""
    try:
        assert marked(mark) == []
    finally:
        kill_marked(mark)
    assert Path(project.root, "out/1").read_text() == Path(project.root, "out/called").read_text() == "good\n"
    project.put("how.sh", "echo better > $1\n")
    project.heals()


@pytest.mark.parametrize(("number", "code"), [
    (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129),
])  # fmt: skip
def test_rows_23_and_25_a_signal_ends_all_steps(tmp_path, number, code):
    mark = f"86403.{os.getpid()}{number}"
    project = running(tmp_path / "p", mark, "")
    build = project.start("build", "-j", "5")
    wait_for(lambda: len(marked(mark)) >= 10)
    began = time.monotonic()
    os.killpg(build.pid, number)
    said = end(build)
    assert said.code == code and time.monotonic() - began < 12, said
    assert project.run("plan", "--check").code == 3
    no_more(project, mark)


def test_row_23_steps_that_do_not_listen_are_killed_in_time(tmp_path):
    mark = f"86404.{os.getpid()}"
    project = running(tmp_path / "p", mark, "trap '' TERM INT HUP")
    build = project.start("build", "-j", "5")
    wait_for(lambda: len(marked(mark)) >= 10)
    began = time.monotonic()
    said = end(build, signal.SIGINT)
    assert said.code == 130 and time.monotonic() - began < 12, said
    no_more(project, mark)


def test_row_24_the_second_interrupt_kills_at_once(tmp_path):
    mark = f"86405.{os.getpid()}"
    project = running(tmp_path / "p", mark, "trap '' TERM INT HUP")
    build = project.start("build", "-j", "5")
    wait_for(lambda: len(marked(mark)) >= 10)
    build.send_signal(signal.SIGINT)
    assert "once more kills at once" in next(line for line in build.stderr if "stopping" in line)
    began = time.monotonic()
    said = end(build, signal.SIGINT)
    assert said.code == 130 and time.monotonic() - began < 4, said
    no_more(project, mark)


def at_terminal(project, *words):
    """Start a command as the foreground job of a terminal of its own; gives its pid and the terminal."""
    pid, terminal = os.forkpty()
    if pid == 0:
        os.chdir(project.root)
        os.execve(sys.executable, [sys.executable, "-m", "mlmake", *words], {**project.environ(), "TERM": "xterm"})
    return pid, terminal


def hear_out(pid, terminal, limit=20.0):
    """All it shows until it ends, and its exit code."""
    shown, begun = b"", time.monotonic()
    while time.monotonic() - begun < limit:
        try:
            shown += os.read(terminal, 65536)
        except OSError:
            break
    os.close(terminal)
    return shown.decode("utf-8", "replace"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("times", [1, 2])
def test_rows_23_and_24_interrupts_at_a_terminal(tmp_path, times):
    mark = f"86406.{os.getpid()}{times}"
    project = running(tmp_path / "p", mark, "trap '' TERM INT HUP" if times == 2 else "")
    pid, terminal = at_terminal(project, "build", "-j", "5")
    wait_for(lambda: len(marked(mark)) >= 10)
    began, shown = time.monotonic(), b""
    os.write(terminal, b"\x03")
    while b"stopping" not in shown:
        assert select.select([terminal], [], [], 20.0)[0], shown
        shown += os.read(terminal, 65536)
    if times == 2:
        os.write(terminal, b"\x03")
    rest, code = hear_out(pid, terminal)
    assert code == 130 and time.monotonic() - began < (4 if times == 2 else 12), rest
    assert "Traceback" not in rest
    assert rest.rfind("\x1b[?25h") >= rest.rfind("\x1b[?25l"), "the cursor is shown again"
    no_more(project, mark)


def test_a_closed_terminal_is_a_hangup(tmp_path):
    mark = f"86407.{os.getpid()}"
    project = running(tmp_path / "p", mark, "")
    pid, terminal = at_terminal(project, "build", "-j", "5")
    wait_for(lambda: len(marked(mark)) >= 10)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 129
    no_more(project, mark)


def test_who_waits_for_a_build_can_be_interrupted(tmp_path):
    mark = f"86408.{os.getpid()}"
    project = running(tmp_path / "p", mark, "")
    first = project.start("build", "-j", "5")
    wait_for(lambda: len(marked(mark)) >= 10)
    second = project.start("build")
    assert "locked by" in second.stderr.readline()
    assert end(second, signal.SIGTERM).code == 143
    assert end(first, signal.SIGINT).code == 130
    no_more(project, mark)


def test_few_descriptors_are_said(tmp_path):
    """A machine at its limits is named, and nothing is broken."""
    project = running(tmp_path / "p", "0", "")
    project.put("how.sh", "echo better > $1\n")

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))

    said = end(project.start("build", "-j", "5", preexec_fn=limit), timeout=40)
    assert said.code in (0, 1, 4), said
    assert said.code == 0 or "ulimit" in said.err, said.err
    project.heals()
