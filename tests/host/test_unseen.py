"""Content that changed under an unchanged stamp, by a real memory map."""

import mmap
import os

from mlmake.host import unseen
from mlmake.host.files import SETTLED
from mlmake.host.hashing import hash_file
from mlmake.model.finding import Severity
from mlmake.ports import Stamped


def remembered(folder, *names, rested=SETTLED):
    """What a build would remember of these files that had rested so long when it hashed them."""
    found = {}
    for name in names:
        digest, stamp = hash_file(str(folder / name), name=name, progress=None)
        found[name] = Stamped(stamp, digest, stamp.ctime_ns + rested)
    return found


def test_a_write_through_a_memory_map_is_found(tmp_path):
    (tmp_path / "data.bin").write_bytes(b"a" * 4096)
    (tmp_path / "other.bin").write_bytes(b"b")
    with open(tmp_path / "data.bin", "r+b") as file, mmap.mmap(file.fileno(), 4096) as view:
        view[0] = ord("b")  # the page is dirty from now on, and the times of the file go on no more
        stamps = remembered(tmp_path, "data.bin", "other.bin")
        before = os.stat(tmp_path / "data.bin")
        assert unseen.unseen(str(tmp_path), stamps).severity is Severity.OK
        view[0] = ord("c")
        after = os.stat(tmp_path / "data.bin")
    assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
    found = unseen.unseen(str(tmp_path), stamps)
    assert found.severity is Severity.PROBLEM
    assert found.what.startswith("changed without a trace in size and times: data.bin; 2 of 2 inputs read (4.0 KiB)")
    assert found.mend == "mlmake build --rehash"


def test_what_a_build_reads_anyway_is_left_to_it(tmp_path):
    for name in ("touched", "young", "gone"):
        (tmp_path / name).write_text(name)
    stamps = remembered(tmp_path, "touched", "gone") | remembered(tmp_path, "young", rested=SETTLED - 1)
    (tmp_path / "touched").write_text("other!!")
    (tmp_path / "gone").unlink()
    assert unseen.unseen(str(tmp_path), stamps).what == "no input is believed by its times"


def test_a_bound_is_told(tmp_path, monkeypatch):
    for number in range(4):
        (tmp_path / f"{number}").write_text("x" * (number + 1))
    stamps = remembered(tmp_path, "3", "0", "1", "2")
    monkeypatch.setattr(unseen, "MOST_BYTES", 3)
    assert unseen.unseen(str(tmp_path), stamps).what == "2 of 4 inputs read (3 B) whatever their times say"
    monkeypatch.setattr(unseen, "PATIENCE", -1.0)
    assert unseen.unseen(str(tmp_path), stamps).what.startswith("0 of 4")


def test_many_are_counted(tmp_path):
    names = [f"file-{number}" for number in range(5)]
    for name in names:
        (tmp_path / name).write_text("as it was")
    stamps = {name: Stamped(old.stamp, "0" * 32, old.hashed_ns) for name, old in remembered(tmp_path, *names).items()}
    found = unseen.unseen(str(tmp_path), stamps)
    assert "file-0, file-1, file-2 and 2 more" in found.what
