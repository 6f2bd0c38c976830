"""Commands that measure, as real processes."""

import os
import subprocess
import sys
import threading
import time

import pytest

from mlmake.executors.probing import ProbeRunner
from mlmake.model.answer import LONGEST
from mlmake.model.job import FunctionCall, How, Job, PathText, Process


def job(root, order, *, timeout=20, env=None):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | (env or {})
    return Job("probe", "a", order, str(root), environment, "", timeout)


def shell(text):
    return Process(("bash", "-c", text), script=True)


def ask(root, order, python=sys.executable, **more):
    return ProbeRunner(python, str(root)).ask(job(root, order, **more))


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_out_is_the_answer_and_err_is_not(tmp_path):
    answer = ask(tmp_path, shell("echo 3; echo working >&2; pwd >&2"))
    assert (answer.how, answer.code, answer.out) == (How.EXITED, 0, b"3\n")
    assert answer.err == f"working\n{tmp_path}\n".encode()


def test_there_is_no_input(tmp_path):
    assert ask(tmp_path, shell("cat; echo end")).out == b"end\n"


def test_the_environment_is_the_jobs(tmp_path):
    assert ask(tmp_path, shell('echo "$WHERE"'), env={"WHERE": "here"}).out == b"here\n"


def test_a_flood_takes_no_memory(tmp_path):
    answer = ask(tmp_path, shell("yes | head -c 30000000; yes | head -c 30000000 >&2"))
    assert len(answer.out) == LONGEST + 1
    assert len(answer.err) == 16 * 1024


def test_a_script_too_long_for_the_system(tmp_path):
    assert ask(tmp_path, shell(f"echo {'x' * 300_000} | wc -c")).out.strip() == b"300001"


def test_a_command_that_is_not_there(tmp_path):
    answer = ask(tmp_path, Process(("no-such-command",)))
    assert answer.how is How.NOT_STARTED
    assert answer.detail.startswith("no-such-command: command not found;")


AWAY = 'python3 -c \'import os; os.fork() or os.setsid(); os.execvp("sleep", ["sleep", "300"])\''


@pytest.mark.parametrize("how", ["(sleep 300 &)", "setsid sleep 300 & disown", AWAY])
def test_a_time_that_is_up_ends_it_with_all_it_started(tmp_path, how):
    token = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    began = time.monotonic()
    answer = ask(tmp_path, shell(f"{how}; sleep 300"), timeout=0.3, env={"MARK": token})
    assert answer.how is How.TIMED_OUT
    assert time.monotonic() - began < 8
    assert not [pid for pid in filter(str.isdigit, os.listdir("/proc")) if _has(pid, token) and lives(pid)]


def _has(pid, token):
    if int(pid) == os.getpid():
        return False
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return token.encode() in file.read()
    except OSError:
        return False


def test_what_it_leaves_behind_is_ended(tmp_path):
    answer = ask(tmp_path, shell("setsid sleep 300 & echo $!"))
    assert not lives(int(answer.out))


def test_cancel_kills_at_once_and_for_good(tmp_path):
    runner, answers = ProbeRunner(sys.executable, str(tmp_path)), []
    order = shell("trap '' TERM INT; touch begun; sleep 300; sleep 300")
    thread = threading.Thread(target=lambda: answers.append(runner.ask(job(tmp_path, order))))
    thread.start()
    while not (tmp_path / "begun").exists():
        assert thread.is_alive()
    began = time.monotonic()
    runner.cancel()
    thread.join(5)
    assert time.monotonic() - began < 2
    assert [answer.how for answer in answers] == [How.CANCELLED]
    assert runner.ask(job(tmp_path, shell("touch again"))).how is How.CANCELLED
    assert not (tmp_path / "again").exists()


# Functions


@pytest.fixture
def module(tmp_path):
    (tmp_path / "m.py").write_text(
        "import json, os, sys\n"
        "from decimal import Decimal\n"
        "def given(**all): return {k: str(v) for k, v in sorted(all.items())}\n"
        "def number(): print('loading'); return 7\n"
        "def printed(): print(8)\n"
        "def text(): return 'v3'\n"
        "def empty(): return ''\n"
        "def odd(): return {'d': Decimal('1.5'), 'n': float('nan')}\n"
        "def path(source): return [type(source).__name__, source.name]\n"
        "def fails(): raise ValueError('no such table')\n"
        "def leaves(): sys.exit(4)\n"
        "def where(): return {'cwd': os.getcwd(), 'first': sys.path[0], 'mlmake': 'mlmake' in sys.modules}\n"
        "def array():\n    import numpy\n    return {'n': numpy.int64(3), 'a': numpy.arange(2)}\n"
    )

    def call(function, python=sys.executable, **arguments):
        return ask(tmp_path, FunctionCall("m", function, arguments, {}), python=python)

    return call


@pytest.mark.parametrize(
    ("function", "out"),
    [
        ("number", b"7"),
        ("printed", b"8\n"),
        ("text", b"v3"),
        ("empty", b" "),
        ("odd", b'{"d": "1.5", "n": NaN}'),
        ("array", b'{"n": 3, "a": [0, 1]}'),
    ],
)
def test_what_a_function_returns_is_the_answer(module, function, out):
    answer = module(function)
    assert (answer.code, answer.out) == (0, out)


def test_a_function_gets_its_arguments(module):
    assert module("given", a=1, b="x y").out == b'{"a": "1", "b": "x y"}'
    assert module("path", source=PathText("data/a.csv")).out == b'["PosixPath", "a.csv"]'


def test_a_function_that_raises_shows_why(module):
    answer = module("fails")
    assert answer.code == 1
    assert answer.err.decode().endswith("ValueError: no such table\n")
    assert b"measuring.py" not in answer.err
    assert module("leaves").code == 4


def test_the_interpreter_needs_no_mlmake(module, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    assert subprocess.run([python, "-c", "import mlmake"], cwd=tmp_path, capture_output=True, check=False).returncode
    answer = module("where", python=python)
    assert answer.out.decode() == f'{{"cwd": "{tmp_path}", "first": "{tmp_path}", "mlmake": false}}'
