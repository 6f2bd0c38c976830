"""Plain records: added, read whatever else is there, dropped one by one."""

import errno
import os
from dataclasses import replace

import pytest
from made_traces import made

from mlmake.stores.records import Records


def test_what_was_added_is_read_back_but_what_was_dropped(tmp_path):
    records = Records(str(tmp_path / "records"))
    first, second, other = made("a"), made("b"), replace(made("c"), run="another")
    for trace in (first, second, other):
        records.add(trace)
    assert sorted(t.action for t in records) == ["a", "b", "c"]
    records.drop([first])
    records.drop([other])
    assert [t.action for t in records] == ["b"]
    assert len(os.listdir(tmp_path / "records")) == 1


def test_a_torn_line_is_no_line(tmp_path):
    records = Records(str(tmp_path))
    records.add(made("a"))
    records.add(made("b"))
    records.write()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    assert [t.action for t in records] == ["a"]
    records.add(made("c"))
    assert [t.action for t in records] == ["a", "c"]


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    records = Records(str(tmp_path))
    monkeypatch.setattr(os, "write", lambda target, data: len(data) // 2)
    with pytest.raises(OSError) as told:
        records.add(made("a"))
        records.write()
    assert told.value.errno == errno.ENOSPC
