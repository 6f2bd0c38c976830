"""The state as doctor sees it: sound, in use, damaged in many ways, newer; never touched."""

import os
import signal
import subprocess
import sys

import lmdb
import pytest
from made_traces import made

from mlmake.model.digest import Stamp, digest_of
from mlmake.model.finding import Severity
from mlmake.ports import Stamped
from mlmake.stores import statecheck
from mlmake.stores.codec import pack
from mlmake.stores.opening import open_state

STAMPED = Stamped(Stamp(1, 2, 3, 4, 5), digest_of("x"), 6)


@pytest.fixture
def folder(tmp_path):
    """A state with results and a stamp in it, closed in order."""
    state = open_state(str(tmp_path / "state"))
    for number in range(300):
        state.record(made(f"step{number}", number, (number,), number, ended=100.0 + number))
    state.commit()
    state.put_stamps({"data/a": STAMPED})
    state.close()
    return str(tmp_path / "state")


def looked(folder, *paths, but=None):
    """Findings by check and contents; no file may have changed, `but` the one where readers take places."""
    before = picture(folder, but)
    findings, contents = statecheck.state(folder, paths)
    assert picture(folder, but) == before
    return {finding.check: finding for finding in findings}, contents


def picture(folder, but):
    if not os.path.isdir(folder):
        return None
    found = {}
    for name in sorted(set(os.listdir(folder)) - {but}):
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            found[name] = (os.stat(path).st_mtime_ns, file.read())
    return found


def test_a_sound_state_is_fine(folder):
    findings, contents = looked(folder, "data/a", "data/b")
    assert {finding.severity for finding in findings.values()} == {Severity.OK}
    assert findings["state-file"].what.startswith("schema 1, file format 1, ")
    assert findings["state-file"].what.endswith("every page read")
    assert findings["state-results"].what == "300 results remembered"
    assert contents.newest == 399.0
    assert contents.runs == {"run-1"}
    assert contents.stamps == {"data/a": STAMPED}


def test_no_state_is_fine(tmp_path):
    findings, contents = looked(str(tmp_path / "none"))
    assert findings["state-file"].severity is Severity.OK
    assert contents is None


def test_an_empty_state_is_fine(tmp_path):
    environment = lmdb.open(str(tmp_path), max_dbs=6, lib_version=0)
    environment.close()
    findings, contents = looked(str(tmp_path))
    assert findings["state-results"].what == "0 results remembered"
    assert contents.newest is None


def truncated(data):
    os.truncate(data, os.path.getsize(data) // 2)


def zeroed(data):
    with open(data, "r+b") as file:
        file.seek(2 * 4096)
        file.write(bytes(os.path.getsize(data) - 2 * 4096))


def garbage(data):
    with open(data, "r+b") as file:
        file.write(os.urandom(1) * 5000)


def text(data):
    with open(data, "w") as file:
        file.write("this is no database\n")


def empty(data):
    os.truncate(data, 0)


@pytest.mark.parametrize("spoil", [truncated, zeroed, garbage, text, empty])
def test_a_damaged_state_is_told_and_left_alone(folder, spoil):
    spoil(os.path.join(folder, "data.mdb"))
    findings, contents = looked(folder)
    assert findings["state-file"].severity is Severity.PROBLEM
    assert findings["state-file"].what.startswith("the state is damaged")
    assert findings["state-file"].mend == "mlmake build"
    assert contents is None


def test_damage_where_nobody_has_looked_yet_is_found(folder):
    path = os.path.join(folder, "data.mdb")
    with open(path, "rb") as file:
        data = file.read()
    # The only stamp: it is read when its file is looked at, and not before.
    place = data.rindex(pack(STAMPED)) // 4096 * 4096
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(bytes(4096))
    findings, _ = looked(folder)
    assert findings["state-file"].what == "the state is damaged: its pages do not fit together"


def test_a_state_that_kills_who_reads_it_is_damaged(folder, monkeypatch):
    monkeypatch.setattr(statecheck, "_look", lambda *args, **how: os.kill(os.getpid(), signal.SIGBUS))
    findings, _ = looked(folder)
    assert findings["state-file"].what == "the state is damaged: it cannot be read: it died of signal 7"


def test_a_state_that_is_slow_to_read_is_not_called_damaged(folder, monkeypatch):
    monkeypatch.setattr(statecheck, "PATIENCE", 0.05)
    ear, mouth = os.pipe()
    monkeypatch.setattr(statecheck, "_look", lambda *args, **how: os.read(ear, 1))
    finding = looked(folder)[0]["state-file"]
    os.close(ear)
    os.close(mouth)
    assert finding.severity is Severity.WARNING
    assert "no answer within" in finding.what


def test_a_newer_schema_and_a_newer_format_are_named(folder, tmp_path):
    environment = lmdb.open(folder, max_dbs=6, lib_version=0)
    with environment.begin(write=True) as transaction:
        transaction.put(b"schema", b"999", db=environment.open_db(b"meta", txn=transaction))
    environment.close()
    findings, _ = looked(folder)
    assert (findings["state-file"].severity, findings["state-file"].what) == (
        Severity.PROBLEM,
        "the state was created by a newer mlmake: schema 999, this mlmake knows 1",
    )
    lmdb.open(str(tmp_path / "next"), lib_version=1).close()
    findings, _ = looked(str(tmp_path / "next"))
    assert "another format" in findings["state-file"].what


def test_results_that_cannot_be_read_are_counted(folder):
    environment = lmdb.open(folder, max_dbs=6, lib_version=0)
    with environment.begin(write=True) as transaction:
        table = environment.open_db(b"results", txn=transaction)
        cursor = transaction.cursor(table)
        cursor.first()
        transaction.put(cursor.key(), b"\x01\x00spoiled bytes", db=table)
    environment.close()
    findings, contents = looked(folder)
    assert findings["state-results"].severity is Severity.WARNING
    assert findings["state-results"].what == "300 results remembered, 1 of them cannot be read"
    assert contents.unreadable == 1


def test_of_very_many_results_the_first_are_read(folder, monkeypatch):
    monkeypatch.setattr(statecheck, "MOST_ROWS", 100)
    assert looked(folder)[0]["state-results"].what == "300 results remembered, the first 100 read"


def test_a_large_state_left_in_order_is_not_walked(folder, monkeypatch):
    monkeypatch.setattr(statecheck, "MOST_WALKED", 1)
    assert looked(folder)[0]["state-file"].what.endswith("left in order, pages not read")
    os.unlink(os.path.join(folder, "clean"))
    assert looked(folder)[0]["state-file"].what.endswith("every page read")


WRITER = """
import sys
from mlmake.stores.opening import open_state
state = open_state(sys.argv[1])
readers = [state._environment.begin() for _ in range(int(sys.argv[2]))]
print("open", flush=True)
sys.stdin.read()
"""


def looked_while_open(folder, readers):
    command = [sys.executable, "-c", WRITER, folder, str(readers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "open\n"
        found = looked(folder, but="lock.mdb")
        writer.stdin.close()
        assert writer.wait() == 0
    return found


def test_a_state_in_use_is_read_beside_its_writer(folder):
    findings, contents = looked_while_open(folder, 2)
    assert findings["state-file"].what.endswith("in use, pages not read")
    assert findings["state-readers"].what == "a running mlmake has it open; 2 readers"
    assert contents.results == 300


def test_many_readers_are_noted(folder):
    assert looked_while_open(folder, 110)[0]["state-readers"].severity is Severity.NOTE
