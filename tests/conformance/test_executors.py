"""What every executor has to do, shown on real processes: commands and calls alike."""

import itertools
import os
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass, field, replace

import pytest

from mlmake.executors import process
from mlmake.executors.local import LocalExecutor
from mlmake.executors.log import HALF
from mlmake.executors.registry import DispatchExecutor
from mlmake.executors.warm import WarmExecutor
from mlmake.model.job import Ended, FunctionCall, How, Job, PathText, Process, Reported, Said

INSIDE = os.path.join(os.path.dirname(process.__file__), "inside")
_numbers = itertools.count(1)


@dataclass
class Bench:
    """A project folder and an executor; the body of a step is the same Python for both kinds."""

    kind: str
    root: str
    python: str = sys.executable
    preload: tuple[str, ...] = ()
    live: bool = False
    noted: list = field(default_factory=list)
    remarks: list = field(default_factory=list)

    def __post_init__(self):
        note = lambda *what: self.noted.append(what)  # noqa: E731
        self.warm = WarmExecutor(self.python, self.root, self.preload, note, live=self.live)
        self.executor = DispatchExecutor(LocalExecutor(note, live=self.live), self.warm)

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(textwrap.dedent(text))
        return path

    def job(self, body, **rest):
        name = f"job-{next(_numbers)}"
        module = name.replace("-", "_")
        lines = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
        self.write(f"{module}.py", f"import os, signal, subprocess, sys, time\ndef run():\n{lines}\n"
                   'if __name__ == "__main__":\n    run()\n')  # fmt: skip
        if self.kind == "local":
            order = Process((self.python, f"{module}.py"))
        else:
            order = FunctionCall(module, "run", {}, {"target": "t"})
        rest.setdefault("env", dict(os.environ))
        return Job(name, "t", rest.pop("order", order), self.root, log=f"{self.root}/.mlmake/{name}.log", **rest)

    def execute(self, job, remark=None):
        return self.executor.execute(job, remark or self.remarks.append)

    def run(self, body, **rest) -> tuple[Ended, str]:
        job = self.job(body, **rest)
        ended = self.execute(job)
        return ended, self.log(job).decode("utf-8", "replace")

    def log(self, job):
        with open(job.log, "rb") as file:
            return file.read()


@pytest.fixture(params=["local", "warm"])
def bench(request, tmp_path):
    bench = Bench(request.param, str(tmp_path))
    yield bench
    bench.executor.close()


@pytest.fixture
def warm(tmp_path):
    bench = Bench("warm", str(tmp_path))
    yield bench
    bench.executor.close()


@pytest.fixture
def local(tmp_path):
    return Bench("local", str(tmp_path))


def marker():
    """A duration that no other `sleep` on this machine has."""
    return f"300.{os.getpid()}{next(_numbers):06}"


def sleeping(mark):
    """The processes of `sleep MARK` that live."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if mark.encode() in file.read().split(b"\0"):
                    found.append(int(name))
        except OSError:
            continue
    return found


READY = 'import json; open(os.environ["MLMAKE_REPORT"], "a").write(json.dumps({"metrics": {"ready": 1}}) + "\\n")'


# How it ends


def test_success_is_exit_code_0(bench):
    ended, log = bench.run("print('fine')")
    assert (ended.how, ended.code, ended.detail, ended.survivors) == (How.EXITED, 0, None, ())
    assert ended.succeeded
    assert log == "fine\n"


def test_an_exit_code_is_told(bench):
    ended, _ = bench.run("sys.exit(3)")
    assert (ended.how, ended.code) == (How.EXITED, 3)


def test_a_last_message_is_said_and_fails(bench):
    ended, log = bench.run("sys.exit('no data')")
    assert ended.code == 1
    assert log == "no data\n"


def test_an_exception_leaves_its_traceback_in_the_log(bench):
    ended, log = bench.run("""
        def inner():
            raise ValueError("bad label")
        inner()
    """)
    assert ended.code == 1
    assert log.startswith("Traceback (most recent call last):\n")
    assert log.endswith("ValueError: bad label\n")
    assert "in inner" in log
    assert "mlmake/executors" not in log
    assert "importlib" not in log


def test_a_call_that_raises_says_so_in_one_line(warm):
    ended, _ = warm.run("raise KeyError('x')")
    assert ended.detail == "KeyError: 'x'"


def test_death_by_sigkill_is_told_with_a_hint_at_memory(bench):
    ended, _ = bench.run("os.kill(os.getpid(), signal.SIGKILL)")
    assert ended.code == -9
    assert "SIGKILL" in ended.detail
    assert "memory" in ended.detail


def test_death_by_another_signal_is_named(bench):
    ended, _ = bench.run("os.kill(os.getpid(), signal.SIGSEGV)")
    assert (ended.code, ended.detail) == (-11, "ended by SIGSEGV (signal 11)")


def test_exit_code_137_of_a_shell_hints_at_memory_too(local):
    ended = local.execute(local.job("", order=Process(("bash", "-c", "bash -c 'kill -9 $$'; exit $?"))))
    assert ended.code == 137
    assert "memory" in ended.detail


def test_what_is_not_flushed_and_exit_handlers_and_threads_count(bench):
    ended, log = bench.run("""
        import atexit, threading
        atexit.register(lambda: print("handler"))
        threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
        print("body")
    """)
    assert ended.code == 0
    assert log == "body\nthread\nhandler\n"


# Limits and cancelling


def test_a_step_over_its_time_ends_by_term(bench):
    ended, log = bench.run("""
        signal.signal(signal.SIGTERM, lambda *_: (print("term", flush=True), sys.exit(0)))
        time.sleep(60)
    """, timeout=0.7)  # fmt: skip
    assert ended.how is How.TIMED_OUT
    assert not ended.succeeded
    assert log == "term\n"
    assert ended.seconds < 4


def test_a_step_that_ignores_term_is_killed_after_the_grace(bench, monkeypatch):
    monkeypatch.setattr(process, "GRACE", 0.3)
    mark = marker()
    ended, _ = bench.run(f"""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        subprocess.run(["sleep", "{mark}"])
        time.sleep(60)
    """, timeout=0.7)  # fmt: skip
    assert (ended.how, ended.code) == (How.TIMED_OUT, -9)
    assert ended.seconds < 4
    assert sleeping(mark) == []


def test_the_grace_is_for_the_whole_group(bench):
    """The main process dies of TERM at once; what it started may still save its work."""
    bench.write(
        "saver.py",
        f"""
        import os, signal, sys, time
        def save(*_):
            time.sleep(0.5)
            print("saved", flush=True)
            sys.exit()
        signal.signal(signal.SIGTERM, save)
        {READY}
        time.sleep(60)
        """,
    )
    job = bench.job("subprocess.run([sys.executable, 'saver.py'])")
    ended = bench.execute(job, lambda remark: bench.executor.cancel(job.id))
    assert (ended.how, ended.code, ended.survivors) == (How.CANCELLED, -15, ())
    assert bench.log(job) == b"saved\n"


@pytest.mark.parametrize("kill", [False, True])
def test_cancelling_ends_it(bench, kill):
    mark = marker()
    job = bench.job(f"{READY}\nsubprocess.run(['sleep', '{mark}'])")
    asked = []

    def cancel(remark):
        assert remark == Reported(job.id, {"ready": 1.0})
        asked.append(time.monotonic())
        bench.executor.cancel(job.id, kill=kill)

    ended = bench.execute(job, cancel)
    assert ended.how is How.CANCELLED
    assert ended.code == (-9 if kill else -15)
    assert time.monotonic() - asked[0] < 1
    assert sleeping(mark) == []


def test_killing_ends_at_once_what_ignores_signals_and_hides(bench):
    mark = marker()
    job = bench.job(f"""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for _ in range(3):
            subprocess.Popen(["sleep", "{mark}"], start_new_session=True)
        subprocess.run(["bash", "-c", "(setsid setsid sleep {mark} &) ; sleep {mark} &"])
        {READY}
        time.sleep(60)
    """)
    asked = []

    def cancel(remark):
        asked.append(time.monotonic())
        bench.executor.cancel(job.id)
        bench.executor.cancel(job.id, kill=True)

    ended = bench.execute(job, cancel)
    assert (ended.how, ended.code) == (How.CANCELLED, -9)
    assert time.monotonic() - asked[0] < 1
    assert sleeping(mark) == []


def test_unknown_jobs_cannot_be_cancelled_and_nobody_minds(bench):
    bench.executor.cancel("nobody")
    bench.executor.cancel("nobody", kill=True)


def test_a_job_cancelled_on_its_way_does_not_begin(bench):
    job = bench.job("open('begun', 'w')")
    bench.executor.cancel(job.id)
    ended = bench.execute(job)
    assert (ended.how, ended.code) == (How.CANCELLED, None)
    assert not os.path.exists(f"{bench.root}/begun")


def test_a_job_cancelled_after_its_end_may_come_again(bench):
    job = bench.job("pass")
    assert bench.execute(job).succeeded
    bench.executor.cancel(job.id)
    assert bench.execute(job).succeeded


# What it leaves behind


def test_what_it_leaves_behind_is_ended_and_named(bench):
    mark = marker()
    ended, _ = bench.run(f"""
        subprocess.Popen(["sleep", "{mark}"])
        subprocess.Popen(["sleep", "{mark}"], start_new_session=True)
        subprocess.run(["bash", "-c", "(setsid sleep {mark} &)"])
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                subprocess.Popen(["sleep", "{mark}"])
                time.sleep(60)
            os._exit(0)
    """)
    assert ended.code == 0
    assert sleeping(mark) == []
    assert ended.survivors.count(f"sleep {mark}") == 4
    assert len(ended.survivors) == 5
    assert ended.seconds < 4


def test_a_daemon_that_holds_the_streams_holds_up_nothing(bench):
    mark = marker()
    ended, log = bench.run(f"""
        print("said", flush=True)
        subprocess.run(["bash", "-c", "(sleep {mark} &) "])
    """)
    assert ended.code == 0
    assert ended.seconds < 3
    assert log == "said\n"
    assert sleeping(mark) == []


def test_what_goes_by_itself_in_a_moment_is_no_survivor(bench):
    ended, log = bench.run("""
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.08); print('late')"])
    """)
    assert ended.survivors == ()
    assert log == "late\n"


def test_the_process_is_noted_with_its_start(bench):
    job = bench.job("print(os.getpid(), open('/proc/self/stat').read().rpartition(')')[2].split()[19])")
    bench.execute(job)
    pid, started = map(int, bench.log(job).split())
    assert bench.noted == [(job.id, pid, started)]


# Its surroundings


def test_environment_folder_session_and_stdin(bench):
    job = bench.job("""
        own = os.getsid(0) == os.getpid()
        print(os.getcwd(), os.environ["MARK"], "HOME" in os.environ, repr(sys.stdin.read()), own)
        print(sorted(name for name in os.environ if name not in ("MARK", "PATH", "LC_CTYPE")))
    """, env={"MARK": "a b", "PATH": os.environ["PATH"]})  # fmt: skip
    bench.execute(job)
    first, second = bench.log(job).decode().splitlines()
    assert first == f"{bench.root} a b False '' True"
    assert second == "['MLMAKE_REPORT', 'MLMAKE_STEP']"


def test_thread_counts_are_set_unless_the_user_has(bench):
    env = {"PATH": os.environ["PATH"], "MKL_NUM_THREADS": "7"}
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    _, log = bench.run(f"print([os.environ.get(name) for name in {names}])", env=env, threads=2)
    assert log == "['2', '2', '7']\n"
    _, log = bench.run(f"print([os.environ.get(name) for name in {names}])", env=env)
    assert log == "[None, None, '7']\n"


def test_arguments_of_commands_are_any_bytes(local):
    words = ("\udcff\udcfe", "a 'b' \"c\"; $(x)", "🦙", "", "-n", "line\nend")
    job = local.job("", order=Process((sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *words)))
    assert local.execute(job).code == 0
    assert local.log(job).decode() == ascii(list(words)) + "\n"


def test_arguments_of_calls_come_as_they_were(warm):
    warm.write("values.py", "def run(step, **rest): print(ascii(rest)); print(ascii(step.outputs), step.target)")
    import datetime

    arguments = {
        "path": PathText("d/\udcff 🦙"),
        "paths": [PathText("a"), {"deep": PathText("b")}],
        "table": {"list": [1, 1.5, True, None, "list", ["path", "x"]], "nan": float("inf")},
        "when": datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC),
        "day": datetime.date(2026, 1, 2),
        "hour": datetime.time(3, 4),
    }
    order = FunctionCall("values", "run", arguments, {"target": "t", "outputs": {"m": PathText("m")}})
    job = warm.job("", order=order)
    assert warm.execute(job).code == 0
    first, second = warm.log(job).decode().splitlines()
    assert first == (
        "{'path': PosixPath('d/\\udcff \\U0001f999'), 'paths': [PosixPath('a'), {'deep': PosixPath('b')}], "
        "'table': {'list': [1, 1.5, True, None, 'list', ['path', 'x']], 'nan': inf}, "
        "'when': datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.timezone.utc), "
        "'day': datetime.date(2026, 1, 2), 'hour': datetime.time(3, 4)}"
    )
    assert second == "{'m': PosixPath('m')} t"


def test_reports_come_from_any_process(bench):
    bench.write("child.py", f"import sys; sys.path[0] = {INSIDE!r}; import step; step.current().report(loss=0.25)")
    job = bench.job(f"""
        sys.path.insert(0, {INSIDE!r})
        import step
        step.current().report(loss=0.5, epoch=1)
        subprocess.run([sys.executable, "child.py"], check=True)
    """)
    assert bench.execute(job).code == 0, bench.log(job)
    assert bench.remarks == [Reported(job.id, {"loss": 0.5, "epoch": 1.0}), Reported(job.id, {"loss": 0.25})]
    assert os.listdir(os.path.dirname(job.log)) == [os.path.basename(job.log)]


# Its streams


def test_the_log_has_raw_bytes_of_both_streams(bench):
    body = "data = bytes(range(256)) + '\\x1b[31m'.encode()\nfor fd in (1, 2, 1):\n    os.write(fd, data)"
    job = bench.job(body)
    bench.execute(job)
    assert bench.log(job) == (bytes(range(256)) + b"\x1b[31m") * 3


def test_secrets_do_not_reach_the_log(bench):
    _, log = bench.run("os.write(1, b'key=hunt'); time.sleep(0.05); os.write(1, b'er22.'); print('x hunter22')",
                       secrets=("hunter22",))  # fmt: skip
    assert log == "key=***.x ***\n"


def test_output_is_said_as_it_comes_if_asked(tmp_path):
    for kind in ("local", "warm"):
        bench = Bench(kind, str(tmp_path), live=True)
        job = bench.job("print('one'); print('two', file=sys.stderr); os.write(1, b'\\xff')")
        bench.execute(job)
        bench.executor.close()
        assert {type(remark) for remark in bench.remarks} == {Said}
        texts = {
            stream: "".join(r.text for r in bench.remarks if r.stream == stream) for stream in ("stdout", "stderr")
        }
        assert sorted(texts["stdout"]) == sorted("one\n\ufffd")
        assert texts["stderr"] == "two\n"


@pytest.mark.parametrize("megabytes", [200, pytest.param(3000, marks=pytest.mark.slow)])
def test_a_flood_is_capped_and_costs_no_memory(bench, megabytes):
    before = resident()
    peak = []
    job = bench.job(f"subprocess.run('yes 0123456 | head -c {megabytes}M; echo end', shell=True)")
    watch = threading.Event()

    def look():
        while not watch.wait(0.05):
            peak.append(resident())

    thread = threading.Thread(target=look)
    thread.start()
    ended = bench.execute(job)
    watch.set()
    thread.join()
    assert ended.code == 0
    assert max(peak, default=before) - before < 50 << 20
    with open(job.log, "rb") as file:
        head = file.read(HALF)
        notice = file.read(200)
        file.seek(-HALF, os.SEEK_END)
        rest = file.read()
    assert head == b"0123456\n" * (HALF // 8)
    assert f"{(megabytes << 20) + 4 - 2 * HALF:,} bytes left out".encode() in notice
    assert rest.endswith(b"0123456\nend\n")
    assert os.path.getsize(job.log) < 2 * HALF + 200
    assert sorted(os.listdir(os.path.dirname(job.log))) == [os.path.basename(job.log)]


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# Not started


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("no-such-program",), "command not found"),
        (("./plain.txt",), "permission denied"),
        (("./odd.sh",), "interpreter"),
        (("./empty",), "not a program"),
        (("true", "x" * 3_000_000), "too long"),
        (("true", "a\0b"), "NUL"),
    ],
)
def test_a_command_that_cannot_start_says_why(local, argv, said):
    local.write("plain.txt", "text")
    os.chmod(local.write("odd.sh", "#!/no/such/interpreter\n"), 0o755)
    os.chmod(local.write("empty", "\x01\x02 no program"), 0o755)
    job = local.job("", order=Process(argv))
    ended = local.execute(job)
    assert (ended.how, ended.code) == (How.NOT_STARTED, None)
    assert said in ended.detail
    assert said in local.log(job).decode()


def test_an_interpreter_that_is_not_there_is_named_with_a_mend(tmp_path):
    bench = Bench("warm", str(tmp_path), python=".venv/bin/python")
    ended, log = bench.run("pass")
    assert ended.how is How.NOT_STARTED
    assert f"{tmp_path}/.venv/bin/python" in ended.detail
    assert "`python` under [project]" in ended.detail
    assert ended.detail in log


def test_an_interpreter_that_dies_before_anything_is_told(tmp_path):
    bench = Bench("warm", str(tmp_path), python="/bin/false")
    ended, _ = bench.run("pass")
    assert ended.how is How.NOT_STARTED
    assert "exit code 1" in ended.detail


def test_a_log_that_cannot_be_written_is_told(bench):
    bench.write("file", "")
    job = bench.job("pass")
    job = Job(job.id, "t", job.order, job.root, job.env, f"{bench.root}/file/x.log")
    ended = bench.execute(job)
    assert ended.how is How.NOT_STARTED
    assert "log cannot be written" in ended.detail


# Discovering


def test_project_files_that_python_executes_are_discovered(bench):
    bench.write("lib/__init__.py", "")
    bench.write("lib/early.py", "")
    bench.write("lib/late.py", "")
    bench.write("lib/unused.py", "")
    bench.write("child.py", "import lib.late")
    bench.write(".venv/lib/python3/site-packages/dep.py", "")
    bench.write("data.txt", "")
    body = """
        sys.path.append(".venv/lib/python3/site-packages")
        import lib.early, dep, json
        open("data.txt").read()
        time.sleep(0.01)
        subprocess.run([sys.executable, "child.py"], check=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    for _ in range(2):  # the second time from .pyc files
        begun = time.time()
        job = bench.job(body, track=("imports",))
        ended = bench.execute(job)
        assert ended.code == -9, bench.log(job)
        step = job.id.replace("-", "_") + ".py"
        assert set(ended.loaded) == {step, "lib/__init__.py", "lib/early.py", "lib/late.py", "child.py"}
        assert begun - 0.1 <= ended.loaded[step] <= ended.loaded["lib/late.py"] <= time.time()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_are_followed(bench, method):
    bench.write("work.py", "def do(x):\n    import deep\n    return x")
    bench.write("deep.py", "")
    ended, log = bench.run(f"""
        import multiprocessing, work
        with multiprocessing.get_context("{method}").Pool(2) as pool:
            print(pool.map(work.do, [1, 2]))
    """, track=("imports",))  # fmt: skip
    assert log == "[1, 2]\n"
    assert ended.code == 0
    assert {"work.py", "deep.py"} <= set(ended.loaded)
    assert ended.survivors == ()


def test_nothing_is_discovered_where_nobody_asks(bench):
    ended, log = bench.run("print(os.environ.get('PYTHONPATH'))", env={"PATH": os.environ["PATH"]})
    assert ended.loaded == {}
    assert log == "None\n"


def test_the_next_sitecustomize_still_runs_and_ours_is_not_seen(bench):
    bench.write("mine/sitecustomize.py", "import builtins; builtins.MINE = 1")
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{bench.root}/mine"}
    _, log = bench.run("""
        code = "import sys, sitecustomize; print(MINE, sitecustomize.__file__, [p for p in sys.path if 'inside' in p])"
        subprocess.run([sys.executable, "-c", code])
    """, env=env, track=("imports",))  # fmt: skip
    assert log == f"1 {bench.root}/mine/sitecustomize.py []\n"


def test_a_python_without_another_sitecustomize_starts_quietly(local):
    job = local.job("", order=Process((sys.executable, "-c", "")), track=("imports",))
    assert local.execute(job).code == 0
    assert local.log(job) == b""


def test_modules_the_parent_had_loaded_count_for_every_call(tmp_path):
    bench = Bench("warm", str(tmp_path), preload=("common",))
    bench.write("common.py", "")
    first, _ = bench.run("pass", track=("imports",))
    second, _ = bench.run("pass", track=("imports",))
    bench.executor.close()
    assert "common.py" in first.loaded
    assert first.loaded["common.py"] == second.loaded["common.py"]
    assert len(second.loaded) == 2


def test_files_that_python_opens_are_discovered_where_that_is_asked(bench):
    bench.write("data/a.txt", "")
    bench.write("data/b.txt", "")
    bench.write("data/c.txt", "")
    bench.write("lib.py", "")
    bench.write("child.py", "open('data/b.txt')")
    body = """
        import lib, pathlib
        os.makedirs("left", exist_ok=True)
        pathlib.Path("data/a.txt").read_bytes()
        os.close(os.open("data/c.txt", os.O_RDONLY))
        open("left/new", "w").close()
        time.sleep(0.01)
        open("left/new").close()
        open("left/half", "x").close()
        os.replace("left/half", "left/whole")
        os.chdir("data")
        open("a.txt")
        os.chdir("..")
        try:
            open("data/missing")
        except FileNotFoundError:
            pass
        open("lib.py")
        for entry in os.scandir("/etc"):
            pass
        open("/etc/hostname").close()
        subprocess.run([sys.executable, "child.py"], check=True)
    """
    ended, log = bench.run(body, track=("files",))
    assert ended.code == 0, log
    assert set(ended.read) == {"data/a.txt", "data/b.txt", "data/c.txt", "data/missing", "left/new"}
    assert set(ended.written) == {"left/new", "left/half", "left/whole"}
    assert ended.written["left/new"] < ended.read["left/new"]
    assert ended.loaded == {}
    assert bench.run(body.replace('"x"', '"w"'), track=("imports",))[0].read == {}


@pytest.mark.parametrize("folder", ["", "project/state/logs/"])
def test_what_mlmake_keeps_beside_or_inside_the_project_is_not_read_by_a_step(tmp_path, bench, folder):
    bench.executor.close()
    os.makedirs(tmp_path / "project/state/logs")
    bench.root = str(tmp_path / "project")
    bench.write("data.txt", "")
    bench.__post_init__()
    body = "open('data.txt'); open(os.environ['MLMAKE_REPORT'], 'a+')"
    job = replace(bench.job(body, track=("files",)), log=str(tmp_path / folder / "step.log"))
    assert set(bench.execute(job).read) == {"data.txt"}


def test_what_is_opened_to_read_and_write_is_both(bench):
    bench.write("both", "1")
    ended, _ = bench.run("open('both', 'r+'); open('none', 'a+'); open('emptied', 'w+')", track=("files",))
    assert set(ended.read) == {"both"}
    assert set(ended.written) == {"both", "none", "emptied"}
    assert ended.read["both"] == ended.written["both"]


def test_modules_from_outside_are_told_by_their_folder(bench, tmp_path_factory):
    outside = str(tmp_path_factory.mktemp("outside"))
    site = f"{bench.root}/.venv/lib/python3/site-packages"
    bench.write(f"{site}/dep/__init__.py", "import dep.deep.more")
    bench.write(f"{site}/dep/deep/more.py", "")
    bench.write(f"{site}/single.py", "")
    bench.write(f"{outside}/loose/__init__.py", "")
    bench.write("own.py", "")
    body = f"""
        sys.path += [{site!r}, {outside!r}]
        import own, dep, json, sqlite3, loose
        subprocess.run([sys.executable, "-c", "import sys; sys.path.append({site!r}); import single"], check=True)
    """
    for track in (("imports",), ("packages",), ("files",)):
        ended, log = bench.run(body, track=track)
        assert ended.code == 0, log
        found = {(item.folder, item.module) for item in ended.imported}
        assert found == {(site, "dep"), (site, "single"), (outside, "loose")}
        assert {item.python for item in ended.imported} == {sys.executable}
    assert bench.run(body)[0].imported == ()


def test_what_the_parent_had_read_and_imported_counts_for_every_call(tmp_path):
    bench = Bench("warm", str(tmp_path), preload=("common",))
    bench.write("site-packages/dep.py", "")
    bench.write("table.txt", "")
    bench.write("common.py", "import sys; sys.path.append('site-packages'); import dep; open('table.txt')")
    for _ in range(2):
        ended, _ = bench.run("pass", track=("files",))
        assert set(ended.read) == {"table.txt"}
        assert [item.module for item in ended.imported] == ["dep"]
    bench.executor.close()


# The warm parent


def test_nothing_leaks_between_calls(tmp_path):
    bench = Bench("warm", str(tmp_path), preload=("common",))
    bench.write("common.py", "seen = []")
    body = """
        import common, random, threading
        print(common.seen, "EXTRA" in os.environ, os.getcwd(), "late" in sys.modules, os.getppid(), sys.argv, __name__)
        common.seen.append(1); os.environ["EXTRA"] = "1"; sys.path.clear(); sys.modules["late"] = 1
        os.chdir("/"); sys.stdout = None; signal.signal(signal.SIGTERM, signal.SIG_IGN)
    """
    logs = [bench.run(body)[1].rpartition(" ")[0] for _ in range(3)]
    bench.executor.close()
    assert logs[0].startswith(f"[] False {tmp_path} False ")
    # The same parent, too.
    assert logs[0] == logs[1] == logs[2]


def test_random_numbers_of_numpy_differ_as_they_would_in_fresh_processes(tmp_path):
    pytest.importorskip("numpy")
    bench = Bench("warm", str(tmp_path), preload=("numpy.random",))
    logs = [bench.run("import numpy; print(numpy.random.random())")[1] for _ in range(2)]
    bench.executor.close()
    assert logs[0] != logs[1]


def test_an_edit_of_a_preloaded_module_replaces_the_parent(tmp_path):
    bench = Bench("warm", str(tmp_path), preload=("common",))
    path = bench.write("common.py", "value = 1")
    body = "import common; print(common.value, os.getppid())"
    first = bench.run(body)[1].split()
    again = bench.run(body)[1].split()
    before = os.stat(path)
    bench.write("common.py", "value = 2")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    edited = bench.run(body)[1].split()
    same = bench.run(body)[1].split()
    bench.executor.close()
    assert (first[0], again[0], edited[0], same[0]) == ("1", "1", "2", "2")
    assert first[1] == again[1] != edited[1] == same[1]


def test_running_calls_go_on_when_their_parent_is_replaced(tmp_path):
    bench = Bench("warm", str(tmp_path), preload=("common",))
    bench.write("common.py", "value = 1")
    os.mkfifo(tmp_path / "gate")
    slow = bench.job(f"{READY}\nopen('gate').read(); import common; print(common.value)")
    ended = []
    ready = threading.Event()
    thread = threading.Thread(target=lambda: ended.append(bench.execute(slow, lambda remark: ready.set())))
    thread.start()
    assert ready.wait(20)
    bench.write("common.py", "value = 'new'")
    assert bench.run("import common; print(common.value)")[1] == "new\n"
    with open(tmp_path / "gate", "w"):
        pass
    thread.join()
    bench.executor.close()
    assert ended[0].code == 0
    assert bench.log(slow) == b"1\n"


def test_a_call_goes_on_when_a_parent_is_let_go_before_it_was_heard(warm):
    os.mkfifo(f"{warm.root}/gate")
    slow = warm.job(f"{READY}\nopen('gate').read()")
    ended = []
    ready = threading.Event()
    thread = threading.Thread(target=lambda: ended.append(warm.execute(slow, lambda remark: ready.set())))
    thread.start()
    assert ready.wait(20)
    for parent in warm.warm._parents.values():
        parent.retire()
    with open(f"{warm.root}/gate", "w"):
        pass
    thread.join()
    assert ended[0].code == 0


def test_a_parent_that_dies_fails_its_calls_and_the_next_gets_another(warm):
    mark = marker()
    ended, _ = warm.run(f"subprocess.Popen(['sleep', '{mark}']); os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)")
    assert not ended.succeeded
    assert ended.how is How.EXITED
    assert "the parent of `call` steps ended while this one ran (signal 9)" in ended.detail
    assert ended.seconds < 5
    assert sleeping(mark) == []
    assert warm.run("print('next')") [1] == "next\n"  # fmt: skip


def test_a_preload_that_fails_fails_the_step_with_its_message(tmp_path):
    bench = Bench("warm", str(tmp_path), preload=("common",))
    bench.write("common.py", "import nowhere_to_be_found")
    ended, log = bench.run("pass")
    assert ended.how is How.NOT_STARTED
    assert ended.detail == "preload of common failed: ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    assert "Traceback" in log
    bench.write("common.py", "")
    assert bench.run("pass")[0].succeeded
    bench.executor.close()


def test_a_preload_that_hangs_is_under_the_step_s_limit(tmp_path):
    bench = Bench("warm", str(tmp_path), preload=("common",))
    bench.write("common.py", "import time; time.sleep(60)")
    ended, _ = bench.run("pass", timeout=0.5)
    assert (ended.how, ended.code) == (How.TIMED_OUT, None)
    begun = time.monotonic()
    bench.executor.close()
    assert time.monotonic() - begun < 2


def test_thread_counts_are_set_before_the_preload(tmp_path):
    bench = Bench("warm", str(tmp_path), preload=("common",))
    bench.write("common.py", "import os; threads = os.environ.get('OMP_NUM_THREADS')")
    logs = [bench.run("import common; print(common.threads)", threads=n)[1] for n in (1, 2, 1)]
    bench.executor.close()
    assert logs == ["1\n", "2\n", "1\n"]


def test_variables_are_those_of_the_step_and_what_the_preload_set(tmp_path):
    bench = Bench("warm", str(tmp_path), preload=("common",))
    bench.write("common.py", "import os; os.environ['SET'] = os.environ['GIVEN'] + '!'; os.environ.pop('MLMAKE_STEP')")
    body = "print([os.environ.get(name) for name in ('SET', 'GIVEN', 'MLMAKE_A', 'MLMAKE_B')])"
    env = {"PATH": os.environ["PATH"], "GIVEN": "1"}
    logs = [bench.run(body, env={**env, name: "x"})[1] for name in ("MLMAKE_A", "MLMAKE_B")]
    bench.executor.close()
    assert logs == ["['1!', '1', 'x', None]\n", "['1!', '1', None, 'x']\n"]


def test_another_environment_without_mlmake_will_do(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    bench = Bench("warm", str(tmp_path), python="env/bin/python", preload=("json",))
    body = """
        try:
            import mlmake
        except ImportError as error:
            print(error, sys.prefix)
    """
    ended, log = bench.run(body, track=("imports",))
    bench.executor.close()
    assert ended.code == 0
    assert log == f"No module named 'mlmake' {tmp_path}/env\n"
    assert len(ended.loaded) == 1


def test_a_project_s_modules_are_not_hidden_by_mlmake_s_own(warm):
    for name in ("step", "tracking", "values", "calling", "warm_parent"):
        warm.write(f"{name}.py", "mine = 1")
    _, log = warm.run("import step, tracking, values, calling, warm_parent; print(step.mine + warm_parent.mine)")
    assert log == "2\n"


def test_a_function_that_is_not_there_is_named(warm):
    warm.write("mod.py", "")
    job = warm.job("", order=FunctionCall("mod", "nope", {}, {}))
    ended = warm.execute(job)
    assert ended.code == 1
    assert ended.detail == f"{warm.root}/mod.py: there is no function 'nope'; correct `call` or define it"


# All together


def test_a_listener_that_raises_leaves_no_process(bench):
    mark = marker()
    job = bench.job(f"{READY}\nos.execvp('sleep', ['sleep', '{mark}'])")

    def listen(remark):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bench.execute(job, listen)
    bench.run("pass")
    assert sleeping(mark) == []


def test_many_at_once(bench):
    jobs = [bench.job(f"print({n}); sys.exit({n % 3})") for n in range(12)]
    ended = {}
    threads = [threading.Thread(target=lambda job=job: ended.update({job.id: bench.execute(job)})) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ended[job.id].code for job in jobs] == [n % 3 for n in range(12)]
    assert [bench.log(job) for job in jobs] == [b"%d\n" % n for n in range(12)]


def test_no_descriptor_and_no_child_is_left(bench):
    bench.run("pass")
    bench.run("pass")
    descriptors, children = sorted(os.listdir("/proc/self/fd")), all_children()
    for _ in range(10):
        bench.run("subprocess.Popen(['sleep', '60'], start_new_session=True)")
    assert sorted(os.listdir("/proc/self/fd")) == descriptors
    assert all_children() <= children


def all_children():
    """Of this process: living and dead ones."""
    found = set()
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/children") as file:
            found.update(file.read().split())
    return found
