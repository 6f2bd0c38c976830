"""Kills and full disks while outputs are moved, kept and put back."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlmake.host.clock import SystemClock
from mlmake.host.files import LocalWorkspace
from mlmake.model.digest import digest_of
from mlmake.ports import StoreTrouble
from mlmake.stores.content import FolderStore
from mlmake.stores.memory import MemoryState


def look(root):
    return LocalWorkspace(str(root), stamps=MemoryState(), clock=SystemClock(), aside=f"{root}/.mlmake/aside")


def recover(root, recorded=lambda outputs: False):
    return list(look(root).recover(recorded))


def files(root):
    return {str(p.relative_to(root)): p.read_text() for p in Path(root).rglob("*") if p.is_file()}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "p" / "run").mkdir(parents=True)
    (tmp_path / "p" / "m").write_text("old")
    (tmp_path / "p" / "run" / "x").write_text("old")
    (tmp_path / "p" / "mine").write_text("user's")
    return tmp_path / "p"


def half(root):
    (root / "m").write_text("half")
    (root / "run").mkdir()
    (root / "run" / "y").write_text("half")
    (root / "new").write_text("half")


def test_what_a_killed_build_was_making_is_undone(root):
    before = files(root)
    killed = look(root)
    killed.clear("j1", ["m", "run/", "new"], [])
    half(root)
    killed.clear("j2", ["nothing"], [])
    told = recover(root)
    assert told == ["a build was killed while it made m, run/, new: what was there before is back"]
    assert files(root) == before
    assert recover(root) == []


def test_what_a_killed_build_had_recorded_stays(root):
    killed = look(root)
    killed.clear("j", ["m", "run/", "new"], [])
    half(root)
    made = {path: look(root).version(path) for path in ("m", "run/", "new")}
    assert recover(root, lambda outputs: outputs == made) == []
    assert files(root) == {"m": "half", "run/y": "half", "new": "half", "mine": "user's"}


def test_ended_steps_are_not_undone(root):
    done = look(root)
    done.clear("good", ["m"], [])
    (root / "m").write_text("new")
    done.settle("good")
    done.clear("bad", ["run/"], [])
    done.put_back("bad")
    done.note_process("good", 1, 1)
    done.settle("good")
    assert recover(root) == []
    assert files(root) == {"m": "new", "run/x": "old", "mine": "user's"}


def test_processes_of_unended_steps_are_known(root):
    killed = look(root)
    killed.clear("j1", ["m"], [])
    killed.note_process("j1", 123, 456)
    killed.clear("j2", [], [])
    killed.note_process("j2", 124, 457)
    killed.settle("j2")
    assert look(root).leftovers() == [("j1", 123, 456)]
    recover(root)
    assert look(root).leftovers() == []


def test_a_torn_journal_is_read_as_far_as_it_goes(root):
    before = files(root)
    look(root).clear("j", ["m"], [])
    with open(root / ".mlmake" / "aside" / "journal.jsonl", "a") as journal:
        journal.write('{"do": "end", "jo')
    recover(root)
    assert files(root) == before


def test_a_project_that_was_moved_after_the_kill_recovers(root, tmp_path):
    before = files(root)
    look(root).clear("j", ["m", "run/"], [])
    root.rename(tmp_path / "q")
    recover(tmp_path / "q")
    assert files(tmp_path / "q") == before


STEP = """
import os, sys
from mlmake.host.clock import SystemClock
from mlmake.host.files import LocalWorkspace
from mlmake.stores.memory import MemoryState
root = sys.argv[1]
workspace = LocalWorkspace(root, stamps=MemoryState(), clock=SystemClock(), aside=f"{root}/.mlmake/aside")
workspace.recover(lambda outputs: False)
print("ready", flush=True)
for number in range(10**6):
    workspace.clear(f"j{number}", ["m", "run/", "new"], [])
    open(f"{root}/m", "w").write("half")
    os.mkdir(f"{root}/run")
    open(f"{root}/run/y", "w").write("half")
    open(f"{root}/new", "w").write("half")
    workspace.put_back(f"j{number}")
"""


def test_kills_at_any_time_lose_no_output(root):
    before, chance = files(root), random.Random(3)
    for _ in range(20):
        with subprocess.Popen([sys.executable, "-c", STEP, str(root)], stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            until = time.monotonic() + chance.random() * 0.02
            while time.monotonic() < until:
                pass
            process.kill()
        assert process.returncode == -signal.SIGKILL
    recover(root)
    assert files(root) == before


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", place]).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_outputs_on_another_disk_are_moved_beside_themselves(root, small_disk):
    """A project may have a disk mounted inside; the state folder is on another one."""
    subprocess.run(["mount", "--bind", small_disk, root / "run"], check=True)
    try:
        (root / "run" / "out").write_text("old")
        for end in ("put_back", "settle", "kill"):
            workspace = look(root)
            workspace.clear("j", ["run/out"], [])
            assert not (root / "run" / "out").exists()
            (root / "run" / "out").write_text(end)
            recover(root) if end == "kill" else getattr(workspace, end)("j")
            assert files(root / "run") == {"out": {"put_back": "old", "settle": "settle", "kill": "settle"}[end]}
    finally:
        subprocess.run(["umount", "-l", root / "run"], check=True)


def test_a_full_store_keeps_nothing_in_part(root, small_disk):
    store = FolderStore(str(small_disk / "store"))
    (root / "small").write_bytes(os.urandom(1000))
    (root / "big").write_bytes(os.urandom(3 << 20))
    kept = store.keep(str(root / "small"))
    store.sync()
    for _ in range(2):
        with pytest.raises(StoreTrouble, match=rf"^disk full at {small_disk}/store: make room or move"):
            store.keep(str(root / "big"))
    assert os.listdir(small_disk / "store" / "tmp") == []
    found = [name for _, _, names in os.walk(small_disk / "store" / "objects") for name in names]
    assert found == [kept.object]
    store.place(kept.object, str(root / "again"))
    assert (root / "again").read_bytes() == (root / "small").read_bytes()


def test_a_full_target_is_left_as_it_was(root, small_disk, tmp_path):
    store = FolderStore(str(tmp_path / "store"))
    (root / "big").write_bytes(os.urandom(3 << 20))
    (root / "run" / "x").write_bytes(os.urandom(3 << 20))
    (small_disk / "t").write_text("old")
    for path, end in (("big", ""), ("run/", "/")):
        kept = store.keep(f"{root}/{path}")
        with pytest.raises(OSError, match="No space left"):
            store.place(kept.object, f"{small_disk}/t{end}")
        assert files(small_disk) == {"t": "old"}


def test_a_store_without_permission_is_said(root, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StoreTrouble, match=rf"^no permission to write in {small_disk}/store: change it or move"):
        FolderStore(str(small_disk / "store")).keep(str(root / "m"))


KEEP = """
import sys
from mlmake.stores.content import FolderStore
store = FolderStore(sys.argv[1] + "/store")
print("ready", flush=True)
for number in range(10**6):
    for part in range(20):
        name = f"{sys.argv[1]}/source{part}"
        open(name, "w").write(f"{sys.argv[2]} {number} {part} " * 5000)
        store.keep(name)
    store.sync()
    if not number:
        print("synced", flush=True)
"""


def test_a_killed_store_has_only_whole_objects(tmp_path):
    from blake3 import blake3

    chance, count = random.Random(5), 0
    for turn in range(10):
        argv = [sys.executable, "-c", KEEP, str(tmp_path), str(turn)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
            assert [process.stdout.readline() for _ in range(2)] == [b"ready\n", b"synced\n"]
            until = time.monotonic() + chance.random() * 0.05
            while time.monotonic() < until:
                pass
            process.kill()
    for folder, _, names in os.walk(tmp_path / "store" / "objects"):
        for name in names:
            assert blake3(Path(folder, name).read_bytes()).hexdigest() == name
            count += 1
    assert count > 0


def test_a_failing_flush_makes_nothing_durable(tmp_path):
    """The disk says at the flush that it lost the bytes."""
    script = (
        "import sys\nfrom mlmake.stores.content import FolderStore\nfrom mlmake.ports import StoreTrouble\n"
        "store = FolderStore(sys.argv[1] + '/store')\nkept = store.keep(sys.argv[1] + '/a')\n"
        "try: store.sync()\nexcept StoreTrouble as trouble: print(trouble, store.has(kept.object))"
    )
    (tmp_path / "a").write_text("a")
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO"]
    try:
        done = subprocess.run(
            [*strace, sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        pytest.skip("needs strace")
    assert done.stdout == f"cannot write in {tmp_path}/store: Input/output error False\n"
    assert [name for _, _, names in os.walk(tmp_path / "store") for name in names] == []


def test_the_digest_of_the_world_is_not_the_store_s(root):
    """Digests for comparing and names for keeping are never mixed up."""
    product = look(root).product(None, "m", store=FolderStore(f"{root}/.mlmake/cache"))
    assert len(product.digest) == 32 and len(product.object) == 64
    assert product.digest != digest_of("old")
