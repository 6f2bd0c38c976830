"""What the files of a project must look like to a build, on a real disk."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mlmake.host.clock import SystemClock
from mlmake.host.files import LocalWorkspace
from mlmake.model.digest import MISSING
from mlmake.ports import DamagedObject, OutsideProject, StoreTrouble
from mlmake.stores.content import FolderStore
from mlmake.stores.memory import MemoryState
from mlmake.stores.memory_content import MemoryContent
from mlmake.stores.opening import open_state

HOUR = 3600 * 10**9


class LaterClock:
    """Every look is an hour after the files were written, so that stamps are trusted."""

    def now(self):
        return SystemClock().now() + 3600

    def monotonic(self):
        return SystemClock().monotonic()


@pytest.fixture
def root(tmp_path):
    (tmp_path / "p" / "data").mkdir(parents=True)
    return tmp_path / "p"


@pytest.fixture(params=["lmdb", "memory"])
def stamps(request, tmp_path):
    state = open_state(str(tmp_path / "state")) if request.param == "lmdb" else MemoryState()
    yield state
    state.close()


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    return FolderStore(str(tmp_path / "store")) if request.param == "folder" else MemoryContent()


def look(root, stamps=None, *, clock=None, **more):
    return LocalWorkspace(
        str(root), stamps=stamps or MemoryState(), clock=clock or SystemClock(), aside=f"{root}/.mlmake/aside", **more
    )


def versions(root, *paths):
    workspace = look(root)
    return [workspace.version(path) for path in paths]


# Versions


def test_content_decides_and_nothing_else(root, stamps):
    file = root / "data" / "a"
    file.write_bytes(b"one")
    first = look(root, stamps).version("data/a")
    os.utime(file, ns=(10**18, 10**18))
    assert look(root, stamps).version("data/a") == first
    file.chmod(0o600)
    assert look(root, stamps).version("data/a") == first
    os.utime(file, ns=(2**62, 2**62))
    assert look(root, stamps).version("data/a") == first
    file.write_bytes(b"two")
    assert look(root, stamps).version("data/a") != first


def test_looks_are_kept_until_told_otherwise(root):
    (root / "data" / "a").write_bytes(b"one")
    workspace = look(root)
    first, folder = workspace.version("data/a"), workspace.version("data/")
    (root / "data" / "a").write_bytes(b"two")
    assert workspace.version("data/a") == first
    second = workspace.look_again("data/a")
    assert workspace.version("data/a") == second != first
    assert workspace.version("data/") == folder
    workspace.forget(["data/a"])
    assert workspace.version("data/") != folder
    (root / "data" / "a").write_bytes(b"one")
    workspace.forget(["data/"])
    assert workspace.version("data/a") == first


def test_a_rested_file_is_not_read_again(root, stamps):
    file = root / "data" / "a"
    file.write_bytes(b"one")
    before = look(root, stamps, clock=LaterClock())
    first = before.version("data/a")
    before.flush_stamps()
    read = []
    after = look(root, stamps, clock=LaterClock(), progress=lambda *told: read.append(told))
    atime = file.stat().st_atime_ns
    os.utime(file, ns=(0, file.stat().st_mtime_ns))
    assert after.version("data/a") == first
    assert read == [] and atime
    known = stamps.stamps(["data/a"])["data/a"]
    assert known.digest == first


def test_a_stamp_is_trusted_only_if_all_of_it_holds(root, stamps):
    """A wrong digest under a right stamp shows when the stamp is trusted."""
    file = root / "data" / "a"
    file.write_bytes(b"one")
    workspace = look(root, stamps, clock=LaterClock())
    right = workspace.version("data/a")
    workspace.flush_stamps()
    known = stamps.stamps(["data/a"])["data/a"]
    lie = type(known)(known.stamp, "f" * 32, known.hashed_ns)
    stamps.put_stamps({"data/a": lie})
    assert look(root, stamps).version("data/a") == "f" * 32
    assert look(root, stamps, rehash=True).version("data/a") == right
    for changed in (
        {"size": 4},
        {"mtime_ns": 1},
        {"ctime_ns": 1},
        {"inode": 1},
        {"mode": 1},
    ):
        stamp = type(known.stamp)(**({name: getattr(known.stamp, name) for name in known.stamp.__slots__} | changed))
        stamps.put_stamps({"data/a": type(known)(stamp, "f" * 32, known.hashed_ns)})
        assert look(root, stamps).version("data/a") == right
    young = type(known)(known.stamp, "f" * 32, known.stamp.ctime_ns + 1_999_999_999)
    stamps.put_stamps({"data/a": young})
    assert look(root, stamps).version("data/a") == right


def test_a_same_size_edit_with_the_old_time_is_seen(root, stamps):
    file = root / "data" / "a"
    file.write_bytes(b"one")
    workspace = look(root, stamps)
    first, old = workspace.version("data/a"), file.stat().st_mtime_ns
    workspace.flush_stamps()
    with open(file, "r+b") as same:
        same.write(b"two")
    os.utime(file, ns=(old, old))
    assert workspace.look_again("data/a") != first
    assert look(root, stamps).version("data/a") != first


def test_a_folder_is_its_names_and_contents(root):
    data = root / "data"
    (data / "sub").mkdir()
    (data / "sub" / "x").write_bytes(b"1")
    seen = {versions(root, "data/")[0]}

    def is_new():
        version = versions(root, "data/")[0]
        fresh = version not in seen
        seen.add(version)
        return fresh

    (data / "empty").mkdir()
    assert is_new()
    (data / "sub" / "x").write_bytes(b"2")
    assert is_new()
    (data / "sub" / "x").rename(data / "sub" / "y")
    assert is_new()
    (data / "link").symlink_to("sub/y")
    assert is_new()
    (data / "link").unlink()
    (data / "link").write_bytes(b"2")
    assert not is_new(), "a link to a file counts as that file"
    (data / "dangling").symlink_to("nowhere")
    assert is_new()
    (data / "dangling").unlink()
    (data / "dangling").symlink_to("elsewhere")
    assert is_new()
    (data / "cycle").symlink_to(".")
    (data / "sub" / "up").symlink_to("../..")
    assert is_new()
    Path(os.fsdecode(os.fsencode(data) + b"/\xff")).write_bytes(b"")
    assert is_new()
    (data / ".mlmake").mkdir()
    (data / ".mlmake" / "x").write_bytes(b"")
    assert not is_new(), "the engine's own folder is no content"


def test_no_version_has_the_place_of_the_project_in_it(root, tmp_path):
    for place in (root, tmp_path / "q"):
        (place / "data" / "sub").mkdir(parents=True)
        (place / "data" / "sub" / "x").write_bytes(b"1")
        (place / "data" / "in").symlink_to(place / "data" / "sub")
        (place / "data" / "up").symlink_to(place / "data")
    assert versions(root, "data/") == versions(tmp_path / "q", "data/")


def test_what_is_not_there(root):
    (root / "file").write_bytes(b"")
    (root / "loop").symlink_to("loop")
    (root / "gone").symlink_to("nowhere")
    assert versions(root, "none", "none/", "none/x", "file/", "file/x", "data", "loop", "gone") == [MISSING] * 8


def test_names_of_every_kind(root):
    names = [" a b", "new\nline", "'\";$()", "-rf", "\N{PARTY POPPER}", "x" * 255, "\udcff", "a\\b", "*", "[x]"]
    deep = "/".join(["d" * 200] * 4)
    (root / deep).mkdir(parents=True)
    names.append(f"{deep}/f")
    state = MemoryState()
    workspace = look(root, state)
    for name in names:
        (root / name).write_bytes(name.encode("utf-8", "surrogateescape"))
    assert len({workspace.version(name) for name in names}) == len(names)
    assert set(workspace.listing("*")) == set(names[:-1])
    assert workspace.listing("**/f") == [f"{deep}/f"]
    workspace.flush_stamps()
    assert set(state.stamps(names)) == set(names)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_no_file_is_named(root, kind, monkeypatch):
    monkeypatch.chdir(root / "data")
    if kind == "pipe":
        os.mkfifo("odd")
    else:
        socket.socket(socket.AF_UNIX).bind("odd")
    for path in ("data/odd", "data/"):
        with pytest.raises(OSError, match="is a pipe, socket or device") as caught:
            look(root).version(path)
        assert caught.value.filename == f"{root}/data/odd"


def test_an_unreadable_file_is_named(root):
    (root / "data" / "a").write_bytes(b"secret")
    (root / "data" / "a").chmod(0)
    root.parent.chmod(0o755)
    script = (
        "import os, sys\nfrom mlmake.host.files import LocalWorkspace\nfrom mlmake.host.clock import SystemClock\n"
        "from mlmake.stores.memory import MemoryState\n"
        "if os.geteuid() == 0: os.setegid(65534); os.seteuid(65534)\n"
        "w = LocalWorkspace(sys.argv[1], stamps=MemoryState(), clock=SystemClock(), aside='none')\n"
        "for path in ('data/a', 'data/'):\n"
        "    try: print(w.version(path))\n"
        "    except PermissionError as error: print(error.filename)\n"
    )
    outer = [folder for folder in root.parents if not folder.stat().st_mode & 0o001]
    for folder in outer:
        folder.chmod(folder.stat().st_mode | 0o011)
    done = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"{root}/data/a"] * 2


def test_big_files_tell_how_far_they_are(root):
    with open(root / "big", "wb") as file:
        file.truncate(200 * 1024 * 1024)
    told = []
    look(root, progress=lambda *what: told.append(what)).version("big")
    mib = 1024 * 1024
    assert told == [("big", 64 * mib * n, 200 * mib) for n in (1, 2, 3)]


# Listings


def test_the_files_of_a_folder_are_listed_by_bytes_hidden_ones_too(root):
    for name in ("d/b/x", "d/b.c", "d/.h/y", "d/Z"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    assert look(root).files("d/") == ["d/.h/y", "d/Z", "d/b.c", "d/b/x"]


def test_listing(root):
    for name in (
        "b.csv",
        "a.csv",
        ".h.csv",
        "sub/c.csv",
        "sub/deep/d.csv",
        "sub/.x/e.csv",
        "é.csv",
        "B.csv",
        "n1",
        "n2",
    ):
        path = root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (root / "data" / "folder.csv").mkdir()
    (root / "data" / "link.csv").symlink_to("a.csv")
    (root / "data" / "dangling.csv").symlink_to("nowhere")
    (root / "data" / "sub" / "loop").symlink_to("..")
    (root / ".mlmake").mkdir()
    (root / ".mlmake" / "x.csv").write_bytes(b"")
    workspace = look(root)

    def listing(pattern):
        return list(workspace.listing(pattern))

    plain = ["data/B.csv", "data/a.csv", "data/b.csv", "data/link.csv", "data/é.csv"]
    assert listing("data/*.csv") == plain
    assert listing("data/.*.csv") == ["data/.h.csv"]
    assert listing("data/[ab].csv") == ["data/a.csv", "data/b.csv"]
    assert listing("data/[!ab].csv") == ["data/B.csv", "data/é.csv"]
    assert listing("data/n?") == ["data/n1", "data/n2"]
    deep = ["data/sub/c.csv", "data/sub/deep/d.csv"]
    assert listing("data/**/*.csv") == sorted([*plain, *deep], key=os.fsencode)
    assert listing("**/d.csv") == ["data/sub/deep/d.csv"]
    assert listing("data/sub/**") == deep
    assert listing("*/sub/*/*.csv") == ["data/sub/deep/d.csv", *[f"data/sub/loop/{n[5:]}" for n in plain]]
    assert listing("data/*/") == ["data/folder.csv/", "data/sub/"]
    assert listing("data/a.csv") == ["data/a.csv"]
    assert listing(".mlmake/*") == [] == listing(".*/*.csv") == listing("none/*")
    assert listing(f"{root}/data/n?") == [f"{root}/data/n1", f"{root}/data/n2"]
    assert listing("../p/data/n?") == ["../p/data/n1", "../p/data/n2"]


# Outputs


def put(root, path, text):
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def files(root):
    found = {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}
    return {name: text for name, text in found.items() if not name.startswith(".mlmake")}


def test_outputs_of_a_failed_step_come_back(root):
    put(root, "out/m", "old")
    put(root, "run/x", "old")
    put(root, "ckpt", "old")
    put(root, "out/mine", "user's")
    before = files(root)
    workspace = look(root)
    workspace.clear("j", ["out/m", "run/", "ckpt", "new/deep/n"], ["ckpt"])
    assert files(root) == {"out/mine": "user's", "ckpt": "old"}
    assert (root / "new" / "deep").is_dir() and not (root / "run").exists()
    put(root, "out/m", "half")
    put(root, "run/y", "half")
    put(root, "ckpt", "further")
    put(root, "new/deep/n", "half")
    workspace.put_back("j")
    assert files(root) == before | {"ckpt": "further"}
    assert workspace.listing(".mlmake/aside/*") == []
    workspace.put_back("j")
    workspace.settle("j")
    assert files(root) == before | {"ckpt": "further"}


def test_outputs_of_a_good_step_replace_the_old(root):
    put(root, "out/m", "old")
    put(root, "run/x", "old")
    workspace = look(root)
    workspace.clear("j", ["out/m", "run/"], [])
    put(root, "out/m", "new")
    workspace.settle("j")
    assert files(root) == {"out/m": "new"}
    assert os.listdir(root / ".mlmake" / "aside") == ["journal.jsonl"]


def test_a_folder_where_a_file_is_declared_and_the_other_way_round(root, store):
    put(root, "a/x", "folder")
    put(root, "b", "file")
    workspace = look(root)
    assert workspace.product(None, "a", store=store) is None is workspace.product(None, "b/", store=store)
    assert workspace.touched("a") is None is workspace.touched("b/")
    workspace.clear("j", ["a", "b/"], [])
    put(root, "a", "file")
    put(root, "b/x", "folder")
    products = [workspace.product(None, path, store=store) for path in ("a", "b/")]
    workspace.put_back("j")
    assert files(root) == {"a/x": "folder", "b": "file"}
    workspace.restore(products, store)
    assert files(root) == {"a": "file", "b/x": "folder"}


def test_products_come_back_and_only_those_that_differ(root, store):
    put(root, "out/m", "model")
    put(root, "run/x", "1")
    put(root, "run/sub/y", "2")
    workspace = look(root)
    products = [workspace.product(None, path, store=store) for path in ("out/m", "run/")]
    assert [(p.path, p.size) for p in products] == [("out/m", 5), ("run/", 2)]
    assert [p.digest for p in products] == versions(root, "out/m", "run/")
    inode = (root / "out" / "m").stat().st_ino
    (root / "run" / "sub" / "y").write_text("spoiled")
    workspace.restore(products, store)
    assert files(root) == {"out/m": "model", "run/x": "1", "run/sub/y": "2"}
    assert (root / "out" / "m").stat().st_ino == inode
    assert [workspace.version(p.path) for p in products] == versions(root, "out/m", "run/")


def test_a_product_without_a_store_has_no_object(root):
    put(root, "run/x", "12")
    product = look(root).product("r", "run/", store=None)
    assert (product.name, product.size, product.object) == ("r", 2, None)
    assert product.digest == versions(root, "run/")[0]


def test_nothing_is_touched_if_one_of_the_products_is_lost(root, store):
    put(root, "a", "1")
    put(root, "b", "2")
    workspace = look(root)
    products = [workspace.product(None, path, store=store) for path in "ab"]
    store.drop(products[1].object)
    put(root, "a", "spoiled")
    put(root, "b", "spoiled")
    with pytest.raises(DamagedObject, match="the bytes of b are not in the store"):
        workspace.restore(products, store)
    assert files(root) == {"a": "spoiled", "b": "spoiled"}


def test_nothing_is_written_outside_the_project(root, tmp_path, store):
    (tmp_path / "else").mkdir()
    put(tmp_path, "else/m", "user's")
    put(root, "data/m", "mine")
    workspace = look(root)
    product = workspace.product(None, "data/m", store=store)
    (root / "out").symlink_to(tmp_path / "else")
    escaped = type(product)(None, "out/m", product.digest, product.size, product.object)
    for act in (
        lambda: workspace.clear("j", ["data/m", "out/m"], []),
        lambda: workspace.clear("j", ["out/new/m"], []),
        lambda: workspace.restore([escaped], store),
        lambda: workspace.write("out/m", b"x"),
    ):
        with pytest.raises(OutsideProject, match=r"out/.*m would be written in .*/else.*, outside the project"):
            act()
    workspace.put_back("j")
    assert files(tmp_path / "else") == {"m": "user's"}
    assert files(root) == {"data/m": "mine"}


def test_an_output_that_is_a_link_is_moved_and_what_it_leads_to_stays(root, tmp_path):
    put(tmp_path, "else/m", "user's")
    (root / "m").symlink_to(tmp_path / "else" / "m")
    workspace = look(root)
    workspace.clear("j", ["m"], [])
    put(root, "m", "new")
    workspace.settle("j")
    assert files(tmp_path / "else") == {"m": "user's"} and files(root) == {"m": "new"}


def test_write_is_whole(root):
    workspace = look(root)
    workspace.write("new/a.json", b"1")
    assert workspace.read("new/a.json") == b"1"
    first = workspace.version("new/a.json")
    workspace.write("new/a.json", b"2")
    assert workspace.version("new/a.json") != first
    assert os.listdir(root / "new") == ["a.json"]
    assert workspace.touched("new/a.json") is not None is not workspace.touched("new/")


def test_a_full_store_is_no_error_of_the_files(root, tmp_path):
    put(root, "m", "x")
    store = FolderStore("/proc/none/store")
    with pytest.raises(StoreTrouble, match="/proc/none/store"):
        look(root).product(None, "m", store=store)
    with pytest.raises(OSError, match="No such") as caught:
        look(root).read("none")
    assert caught.value.errno == errno.ENOENT
