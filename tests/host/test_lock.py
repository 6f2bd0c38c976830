"""One build at a time, whatever happens to the one that holds the lock."""

import os
import signal
import subprocess
import sys

import pytest

from mlmake.host.lock import BuildLock
from mlmake.ports import StateTrouble

HOLD = (
    "import sys\nfrom mlmake.host.lock import BuildLock\n"
    "lock = BuildLock(sys.argv[1])\nassert lock.acquire('mlmake build a', wait=print)\n"
    "print('held', flush=True)\nsys.stdin.read()\nlock.close()\n"
)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / ".mlmake" / "lock")


def hold(path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def never(text):
    raise AssertionError(text)


def test_it_waits_and_says_once_for_whom(path):
    with hold(path) as other:
        told = []

        def wait(text):
            told.append(text)
            other.stdin.close()

        lock = BuildLock(path)
        assert lock.acquire("mlmake", wait=wait)
        assert told == [f"locked by pid {other.pid} (mlmake build a)"]
        assert lock.holder() == f"pid {os.getpid()} (mlmake)"
        lock.close()
        assert lock.holder() is None
        assert BuildLock(path).acquire("mlmake", wait=never)


def test_a_killed_holder_leaves_no_lock(path):
    with hold(path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert BuildLock(path).acquire("mlmake", wait=never)


def test_two_in_one_process_exclude_each_other(path):
    first, tries = BuildLock(path), []
    assert first.acquire("one", wait=never)
    assert not BuildLock(path).acquire("two", wait=tries.append, stop=lambda: bool(tries))
    assert tries == [f"locked by pid {os.getpid()} (one)"]
    first.close()
    first.close()


def test_a_signal_ends_the_waiting(path):
    class Ended(Exception):
        pass

    def end(number, frame):
        raise Ended

    before = signal.signal(signal.SIGUSR1, end)
    try:
        with hold(path) as other:
            with pytest.raises(Ended):
                BuildLock(path).acquire("mlmake", wait=lambda text: os.kill(os.getpid(), signal.SIGUSR1))
            other.stdin.close()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_place_without_permission_is_said():
    with pytest.raises(StateTrouble, match="cannot lock /proc/none/lock: No such file"):
        BuildLock("/proc/none/lock").acquire("mlmake", wait=never)
