"""Manifests come from elsewhere too: what would write outside its folder is refused."""

import pytest

from mlmake.stores.manifest import BadManifest, Row, read_manifest, write_manifest

OBJECT = "ab" * 32


def test_rows_survive():
    rows = (
        Row("a\udcff", "file", OBJECT, 3, True),
        Row("d", "folder"),
        Row("d/l", "link", text="../\udcfe"),
        Row("d/x", "file", OBJECT, 0),
    )
    assert read_manifest(write_manifest(rows)) == rows
    assert write_manifest(rows) == write_manifest(list(rows))


@pytest.mark.parametrize(
    "rows",
    [
        [Row("/etc/x", "file", OBJECT)],
        [Row("../x", "file", OBJECT)],
        [Row("..", "folder")],
        [Row("d/x", "file", OBJECT)],
        [Row("d", "link", text="/etc"), Row("d/x", "file", OBJECT)],
        [Row("d", "folder"), Row("d/../../x", "file", OBJECT)],
        [Row("a\0b", "file", OBJECT)],
        [Row("", "folder")],
        [Row("a", "file")],
    ],
)
def test_rows_that_leave_the_folder_are_refused(rows):
    with pytest.raises(BadManifest):
        read_manifest(write_manifest(rows))


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff", b'{"schema":2,"rows":[]}', b'{"schema":1,"rows":[{"path":"a"}]}']
)
def test_what_is_no_manifest_is_refused(data):
    with pytest.raises(BadManifest):
        read_manifest(data)
