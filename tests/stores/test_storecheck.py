"""The content store as doctor sees it: damaged objects, unreadable records, leftovers, strangers."""

import os
import subprocess
import sys

import pytest
from made_traces import made

from mlmake.model.finding import Severity
from mlmake.stores import storecheck
from mlmake.stores.content import FolderStore

KNOWN = frozenset({"run-1"})


@pytest.fixture
def folder(tmp_path):
    """A store with a file, a folder and a record."""
    (tmp_path / "tree").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "tree" / name).write_text(name * 10)
    store = FolderStore(str(tmp_path / "cache"))
    store.keep(str(tmp_path / "tree") + "/")
    store.remember(made(ended=50.0))
    store.sync()
    return str(tmp_path / "cache")


def looked(folder, *, known=KNOWN, own=True):
    findings, newest = storecheck.store(folder, known_runs=known, own=own)
    return {finding.check: finding for finding in findings}, newest


def objects(folder):
    return sorted(os.path.join(here, name) for here, _, names in os.walk(folder + "/objects") for name in names)


def test_a_whole_store_is_fine(folder):
    findings, newest = looked(folder)
    assert {finding.severity for finding in findings.values()} == {Severity.OK}
    assert findings["store-objects"].what.startswith("4 of 4 objects hashed again (")
    assert findings["store-records"].what == "1 plain record can be read"
    assert newest == 50.0


def test_no_store_is_fine(tmp_path):
    assert looked(str(tmp_path / "none"))[0]["store"].severity is Severity.OK
    (tmp_path / "bare").mkdir()
    assert {f.severity for f in looked(str(tmp_path / "bare"))[0].values()} == {Severity.OK}


@pytest.mark.parametrize("which", [".folder", ""])
def test_a_damaged_object_is_a_problem(folder, which):
    path = next(path for path in objects(folder) if path.endswith(".folder") == bool(which))
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 1]))
    found = looked(folder)[0]["store-objects"]
    assert found.severity is Severity.PROBLEM
    assert found.mend == f"rm {path}"
    assert os.path.exists(path)


def test_samples_are_spread_and_bounded_and_told(folder, monkeypatch):
    monkeypatch.setattr(storecheck, "MOST_OBJECTS", 2)
    assert looked(folder)[0]["store-objects"].what.startswith("2 of 4 objects")
    monkeypatch.setattr(storecheck, "MOST_BYTES", 1)
    assert looked(folder)[0]["store-objects"].what.startswith("1 of 4 objects")


def test_records_that_cannot_be_read_are_counted_but_a_torn_end_is_not(folder):
    path = folder + "/records/run-1.jsonl"
    with open(path, "ab") as file:
        file.write(b'{"schema": 1, "trace": {"act')
    assert looked(folder)[0]["store-records"].severity is Severity.OK
    with open(path, "ab") as file:
        file.write(b"\nnothing\n")
    found = looked(folder)[0]["store-records"]
    assert (found.severity, found.what) == (Severity.WARNING, "1 plain record can be read, 2 cannot")


def test_what_a_killed_build_left_is_noted_and_what_a_living_one_makes_is_not(folder):
    code = (
        "import os, sys\nfrom mlmake.stores.content import FolderStore\n"
        "s = FolderStore(sys.argv[1])\nopen(s._fresh(), 'w').write('half')\nos._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, folder])
    with open(FolderStore(folder)._fresh(), "w") as file:
        file.write("in the making")
    found = looked(folder)[0]["store-leftovers"]
    assert (found.severity, found.what) == (Severity.NOTE, "1 temporary file of killed builds, 4 B")
    assert len(os.listdir(folder + "/tmp")) == 2


def test_results_of_others_are_noted(folder):
    store = FolderStore(folder)
    store.remember(made("other", run="run-2"))
    store.sync()
    shared = looked(folder, own=False)[0]["store-shared"]
    assert shared.what == "1 of 2 results are not in this project's state: others share the store"
    assert "renewed" in looked(folder, own=True)[0]["store-shared"].why
    assert "store-shared" not in looked(folder, known=None)[0]


def test_objects_that_cannot_be_read_are_a_warning(folder):
    path = objects(folder)[0]
    os.unlink(path)
    os.mkdir(path + "-")
    os.symlink(path, path)
    found = looked(folder)[0]["store-objects"]
    assert found.severity is Severity.WARNING
