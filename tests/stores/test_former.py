import os

import pytest

from mlmake.stores.former import read_former, write_former


def test_what_was_noted_is_read_whatever_its_bytes(tmp_path):
    noted = {"out/é": "t@k=é", os.fsdecode(b"out/\xff\n"): "t@k=x"}
    write_former(str(tmp_path), noted)
    assert read_former(str(tmp_path)) == noted
    assert os.listdir(tmp_path) == ["instances.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\x00", b"[]", b'{"a": 1}', b"null"])
def test_what_cannot_be_read_is_nothing(tmp_path, content):
    (tmp_path / "instances.json").write_bytes(content)
    assert read_former(str(tmp_path)) == {}


def test_where_nothing_can_be_written_nothing_happens(tmp_path):
    write_former(str(tmp_path / "not-there"), {"a": "b"})
    assert read_former(str(tmp_path / "not-there")) == {}
