"""One set of laws for every store of bytes."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh3_128_hexdigest

from mlmake.model.digest import ObjectName
from mlmake.ports import DamagedObject
from mlmake.stores.content import FolderStore
from mlmake.stores.memory_content import MemoryContent

sys.path.insert(0, str(Path(__file__).parent.parent / "stores"))
from made_traces import made


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    return FolderStore(str(tmp_path / "store")) if request.param == "folder" else MemoryContent()


def tree(folder):
    """Everything below a folder, as it can be compared."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_dir():
            found[name] = ("folder",)
        else:
            found[name] = ("file", path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return found


def spoil(store, name):
    """Change one byte of an object."""
    if isinstance(store, MemoryContent):
        store.objects[name] = b"X" + store.objects[name][1:]
        return
    path = f"{store.folder}/objects/{name[:2]}/{name}"
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.write(b"X")


@pytest.mark.parametrize("size", [0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 3_000_001])
def test_a_file_comes_back_as_it_was(store, tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "a").write_bytes(data)
    kept = store.keep(str(tmp_path / "a"))
    assert (kept.digest, kept.size) == (xxh3_128_hexdigest(data), size)
    for synced in (False, True):
        assert store.has(kept.object)
        store.place(kept.object, str(tmp_path / f"b{synced}"))
        assert (tmp_path / f"b{synced}").read_bytes() == data
        store.sync()
    assert sorted(os.listdir(tmp_path)) in (["a", "bFalse", "bTrue"], ["a", "bFalse", "bTrue", "store"])


def test_what_was_kept_does_not_move_with_its_source_or_its_copy(store, tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    kept = store.keep(str(tmp_path / "a"))
    store.sync()
    (tmp_path / "a").write_bytes(b"two")
    store.place(kept.object, str(tmp_path / "b"))
    with open(tmp_path / "b", "ab") as file:
        file.write(b" and more")
    store.place(kept.object, str(tmp_path / "c"))
    assert (tmp_path / "c").read_bytes() == b"one"


def test_a_folder_comes_back_as_it_was(store, tmp_path):
    folder = tmp_path / "a"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "deep" / "er" / "x").write_bytes(b"x")
    (folder / ".hidden").write_bytes(b"h")
    (folder / "tool").write_bytes(b"#!")
    (folder / "tool").chmod(0o755)
    (folder / "back").symlink_to("deep/er")
    (folder / "deep" / "up").symlink_to("..")
    (folder / "dangling").symlink_to("nowhere")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\n'\";$()")).write_bytes(b"odd")
    kept = store.keep(f"{folder}/")
    store.sync()
    assert store.has(kept.object)
    store.place(kept.object, str(tmp_path / "b") + "/")
    assert tree(tmp_path / "b") == tree(folder) | {"deep/up": ("link", "..")}
    assert store.keep(str(tmp_path / "b") + "/") == kept
    (tmp_path / "b" / "more").write_bytes(b"")
    store.place(kept.object, str(tmp_path / "b") + "/")
    assert tree(tmp_path / "b") == tree(folder)


def test_the_files_of_a_folder_and_the_content_of_a_file_can_be_asked_for(store, tmp_path):
    folder = tmp_path / "a"
    (folder / "b").mkdir(parents=True)
    (folder / "empty").mkdir()
    for name in ("b/x", "b.c", ".hidden", "Z"):
        (folder / name).write_text(name)
    (folder / "link").symlink_to("b")
    kept, file = store.keep(f"{folder}/"), store.keep(str(folder / "b.c"))
    for _ in range(2):
        assert store.files(kept.object) == [".hidden", "Z", "b.c", "b/x"]
        assert store.content(file.object) == b"b.c"
        store.sync()
    assert store.files(file.object) is None
    assert store.content(kept.object) is None
    assert store.files("0" * 64) is None
    assert store.content("0" * 64) is None


def test_links_to_outside_come_back_as_what_they_led_to(store, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_bytes(b"x")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").symlink_to(tmp_path / "outside" / "x")
    (tmp_path / "a" / "folder").symlink_to(tmp_path / "outside")
    kept = store.keep(str(tmp_path / "a") + "/")
    store.place(kept.object, str(tmp_path / "b") + "/")
    expected = ("file", b"x", False)
    assert tree(tmp_path / "b") == {"file": expected, "folder": ("folder",), "folder/x": expected}


@pytest.mark.parametrize("old", ["nothing", "file", "folder", "link"])
@pytest.mark.parametrize("new", ["file", "folder"])
def test_it_takes_the_place_of_whatever_is_there(store, tmp_path, old, new):
    (tmp_path / "file").write_bytes(b"new")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").write_bytes(b"new")
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "t"
    if old == "file":
        target.write_bytes(b"old")
    elif old == "folder":
        (target / "sub").mkdir(parents=True)
    elif old == "link":
        target.symlink_to(tmp_path / "elsewhere")
    end = "/" if new == "folder" else ""
    kept = store.keep(str(tmp_path / new) + end)
    store.place(kept.object, str(target) + end)
    assert not target.is_symlink()
    assert (target / "x" if end else target).read_bytes() == b"new"
    assert os.listdir(tmp_path / "elsewhere") == []
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".mlmake")]


@pytest.mark.parametrize("inside", [False, True])
def test_wrong_bytes_are_never_given(store, tmp_path, inside):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"right")
    file, folder = store.keep(str(tmp_path / "a" / "x")), store.keep(str(tmp_path / "a") + "/")
    store.sync()
    spoil(store, file.object)
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(DamagedObject):
        store.place(folder.object if inside else file.object, str(tmp_path / "old") + "/" * inside)
    assert (tmp_path / "old").read_bytes() == b"old"
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".mlmake")]
    # Dropped, so the next run keeps it again.
    assert not store.has(file.object)
    assert not store.has(folder.object)
    assert store.keep(str(tmp_path / "a" / "x")) == file
    store.sync()
    assert store.has(folder.object)


def test_what_was_never_kept_is_not_there(store, tmp_path):
    name = ObjectName("ab" * 32)
    assert not store.has(name)
    for end in ("", "/"):
        with pytest.raises(DamagedObject):
            store.place(name, str(tmp_path / "x") + end)
    assert not (tmp_path / "x").exists()


def test_records_come_back_in_order(store):
    traces = [made("fit\udcff", number, (number,), order=3 - number) for number in range(3)]
    for trace in traces:
        store.remember(trace)
    store.sync()
    assert list(store.remembered()) == traces[::-1]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=5))
def test_equal_bytes_have_equal_names(tmp_path_factory, blobs):
    folder = tmp_path_factory.mktemp("x")
    real, fake = FolderStore(str(folder / "store")), MemoryContent()
    for number, blob in enumerate(blobs):
        (folder / str(number)).write_bytes(blob)
        assert real.keep(str(folder / str(number))) == fake.keep(str(folder / str(number)))
    real.sync()
    files = [name for _, _, names in os.walk(folder / "store" / "objects") for name in names]
    assert len(files) == len(set(blobs))


@pytest.mark.parametrize(("link", "links"), [(("hardlink", "copy"), 2), (("copy",), 1), (("reflink", "copy"), 1)])
def test_a_hard_link_only_on_request(tmp_path, link, links):
    from mlmake.stores.content import FolderStore

    store = FolderStore(str(tmp_path / "store"), link=link)
    (tmp_path / "a").write_bytes(b"bytes")
    kept = store.keep(str(tmp_path / "a"))
    store.sync()
    store.place(kept.object, str(tmp_path / "b"))
    assert (tmp_path / "b").read_bytes() == b"bytes"
    assert (tmp_path / "b").stat().st_nlink == links


def test_a_spoiled_object_is_not_linked(tmp_path):
    from mlmake.stores.content import FolderStore

    store = FolderStore(str(tmp_path / "store"), link=("hardlink", "copy"))
    (tmp_path / "a").write_bytes(b"bytes")
    kept = store.keep(str(tmp_path / "a"))
    store.sync()
    store.place(kept.object, str(tmp_path / "b"))
    (tmp_path / "b").chmod(0o644)
    (tmp_path / "b").write_bytes(b"other")
    with pytest.raises(DamagedObject):
        store.place(kept.object, str(tmp_path / "c"))
    assert not (tmp_path / "c").exists()
