"""Who holds the build lock, seen from outside."""

import os
import subprocess
import sys
from contextlib import closing

from mlmake.host.holding import held
from mlmake.host.lock import BuildLock
from mlmake.model.finding import Severity

HOLDER = """
import sys
from mlmake.host.lock import BuildLock
lock = BuildLock(sys.argv[1])
lock.acquire("mlmake build train", wait=print)
print("held", flush=True)
sys.stdin.read()
"""


def read(path):
    with open(path) as file:
        return file.read()


def test_nobody_holds_a_lock_that_was_never_taken(tmp_path):
    assert held(str(tmp_path / "lock")).what == "no build runs"


def test_a_holder_is_named_and_its_lock_is_not_touched(tmp_path):
    path = str(tmp_path / "lock")
    command = [sys.executable, "-c", HOLDER, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        before = os.stat(path), read(path)
        found = held(path)
        assert found.severity is Severity.NOTE
        assert found.what == f"a build runs: the lock is held by pid {holder.pid} (mlmake build train)"
        without_list = held(path, locks=str(tmp_path / "none"))
        assert without_list.what == found.what
        assert (os.stat(path).st_mtime_ns, read(path)) == (before[0].st_mtime_ns, before[1])
        holder.kill()
    # The name of who was killed stays; the lock does not.
    assert read(path) == before[1]
    assert held(path).what == "no build runs"
    assert held(path, locks=str(tmp_path / "none")).what == "no build runs"


def test_looking_does_not_stand_in_the_way_of_a_build(tmp_path):
    path, told = str(tmp_path / "lock"), []
    held(path)
    lock = BuildLock(path)
    lock.acquire("mlmake build", wait=told.append)
    with closing(lock):
        assert held(path).severity is Severity.NOTE
    assert told == []


def test_a_holder_that_could_not_write_its_name_is_known_by_its_number(tmp_path):
    path = str(tmp_path / "lock")
    lock = BuildLock(path)
    lock.acquire("mlmake build", wait=print)
    with closing(lock):
        os.truncate(path, 0)
        assert held(path).what == f"a build runs: the lock is held by pid {os.getpid()}"
