"""Disks that are small, full, read-only, far away or of another mind about names."""

import os
import subprocess

from rooms import on_tmpfs

from mlmake.host import disk
from mlmake.host.mounts import Mount, existing, known_mounts, mount_of, mounts
from mlmake.model.finding import Severity

MOUNTS = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:30 / /home/me/with\\040space rw - nfs4 server:/me rw
31 27 0:31 / /data ro,relatime - xfs /dev/vdb rw
32 31 0:32 / /data rw - tmpfs none rw,size=1k
nonsense
"""


def test_mounts_are_read_from_what_the_kernel_tells():
    assert mounts(MOUNTS) == [
        Mount("/", "ext4", False),
        Mount("/home/me/with space", "nfs4", False),
        Mount("/data", "xfs", True),
        Mount("/data", "tmpfs", False),
    ]


def test_the_innermost_and_last_mount_holds_a_path():
    known = mounts(MOUNTS)
    assert mount_of("/home/me/with space/project", known).type == "nfs4"
    assert mount_of("/home/me/without", known).type == "ext4"
    assert mount_of("/data/x", known).type == "tmpfs"
    assert mount_of("/database", known).type == "ext4"
    assert mount_of("/x", []) is None


def test_the_mounts_of_this_machine_are_told():
    assert mount_of("/proc/self", known_mounts()).type == "proc"
    assert known_mounts("/nowhere") == []


def test_the_nearest_folder_that_is_there(tmp_path):
    assert existing(str(tmp_path / "a/b/c")) == os.path.realpath(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    assert existing(str(tmp_path / "link/x")) == os.path.realpath(tmp_path)


def test_a_network_file_system_is_bad_for_state_and_a_warning_for_files(tmp_path):
    far = [Mount("/", "nfs4", False)]
    assert disk.kind("files", str(tmp_path), far).severity is Severity.WARNING
    found = disk.kind("state", str(tmp_path), far, holds_state=True)
    assert (found.severity, found.mend) == (Severity.PROBLEM, "MLMAKE_STATE_DIR=FOLDER on a local disk")
    assert disk.kind("state", str(tmp_path), [Mount("/", "ext4", False)], holds_state=True).severity is Severity.OK
    assert disk.kind("state", str(tmp_path), []).severity is Severity.NOTE


def test_little_space_and_few_inodes_are_told():
    code = "from mlmake.host.disk import room\nfor f in room('disk', here): print(f.check, f.severity)"
    assert on_tmpfs("size=8m,nr_inodes=50", code) == "disk-space problem\ndisk-inodes problem\n"
    assert on_tmpfs("size=500m,nr_inodes=5000", code) == "disk-space warning\ndisk-inodes warning\n"
    assert on_tmpfs("size=2g,nr_inodes=50000", code) == "disk-space ok\ndisk-inodes ok\n"


def test_a_read_only_disk_cannot_be_written():
    code = "from mlmake.host.disk import writable\nf = writable('w', here, variable='V')\n"
    code += "print(f.severity, f.what, f.mend)"
    told = on_tmpfs("size=1m", code, before="mount -o remount,ro /mnt")
    assert told == "problem /mnt cannot be written: Read-only file system V may lead elsewhere\n"
    assert on_tmpfs("size=1m", code).startswith("ok ")


def test_a_full_disk_cannot_be_written():
    code = (
        "open(here + '/filler', 'wb').write(bytes(8192))\n"
        "from mlmake.host.disk import writable\nf = writable('w', here, variable='V')\nprint(f.severity, f.what)"
    )
    assert on_tmpfs("size=8k", code) == "problem /mnt cannot be written: No space left on device\n"


def test_what_is_tried_leaves_nothing_behind_and_touches_nothing(tmp_path):
    before = os.stat(tmp_path).st_mtime_ns
    assert disk.writable("w", str(tmp_path), variable="V").severity is Severity.OK
    assert disk.writable("w", str(tmp_path / "later"), variable="V").what.endswith(
        "later (not there yet) can be written"
    )
    disk.reflink(str(tmp_path))
    assert os.stat(tmp_path).st_mtime_ns == before
    disk.hard_links(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_two_disks_are_noted():
    code = (
        "import tempfile\nfrom mlmake.host.disk import same_device\n"
        "f = same_device({'the project': here, 'the store': here + '/x', 'the state': '/'})\nprint(f.severity, f.what)"
    )
    assert on_tmpfs("size=1m", code) == "note on different disks: the project and the store; the state\n"


def test_one_disk_is_fine(tmp_path):
    assert disk.same_device({"a": str(tmp_path), "b": str(tmp_path / "b")}).severity is Severity.OK


def test_letter_case_is_told_by_looking(tmp_path):
    (tmp_path / "Mlfile").write_text("")
    assert disk.case(str(tmp_path)).severity is Severity.OK
    seen = []

    def one_name(one, other):
        seen.append((os.path.basename(one), os.path.basename(other)))
        return True

    assert disk.case(str(tmp_path), same=one_name).severity is Severity.WARNING
    assert seen == [("Mlfile", "mLFILE")]


def test_two_names_of_one_file_are_no_blindness_to_case(tmp_path):
    (tmp_path / "a").write_text("")
    os.link(tmp_path / "a", tmp_path / "A")
    assert disk.case(str(tmp_path)).severity is Severity.OK


def test_an_empty_folder_is_tried_by_its_own_name(tmp_path):
    (tmp_path / "empty").mkdir()
    assert disk.case(str(tmp_path / "empty")).severity is Severity.OK
    (tmp_path / "1").mkdir()
    (tmp_path / "1/2").mkdir()
    assert disk.case(str(tmp_path / "1/2")).severity is Severity.NOTE


def test_reflinks_work_where_cp_can_make_them(tmp_path):
    (tmp_path / "a").write_bytes(bytes(8192))
    copied = subprocess.run(["cp", "--reflink=always", "a", "b"], cwd=tmp_path, capture_output=True)
    found = disk.reflink(str(tmp_path))
    assert found.severity is (Severity.NOTE if copied.returncode else Severity.OK)
    assert disk.reflink(str(tmp_path), wanted=False).severity is Severity.OK


def test_a_disk_without_reflinks_is_noted():
    code = "from mlmake.host.disk import reflink\nf = reflink(here)\nprint(f.severity, f.what)"
    assert on_tmpfs("size=1m", code) == "note no reflinks here: outputs are copied\n"


def test_hard_links_matter_where_they_are_asked_for(tmp_path):
    assert disk.hard_links(str(tmp_path), wanted=True).what == "hard links work"
    code = (
        "from mlmake.host.disk import hard_links\n"
        "for wanted in (True, False): print(hard_links(here, wanted=wanted).severity)"
    )
    # Two inodes: the folder and the file that is tried; a second name needs none on tmpfs, but counts as one.
    assert on_tmpfs("size=1m,nr_inodes=2", code) == "warning\nok\n"


def test_folders_are_counted_up_to_a_bound(tmp_path):
    for name in ("a/b", ".git/x/y", ".mlmake/z", "c"):
        (tmp_path / name).mkdir(parents=True)
    assert disk.folders_below(str(tmp_path), most=100) == 4
    assert disk.folders_below(str(tmp_path), most=2) == 2
