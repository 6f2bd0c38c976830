"""A round trip of a real event, and machines where there is none."""

import os
import subprocess
import sys

from rooms import on_tmpfs

from mlmake.host import noticing
from mlmake.model.finding import Severity


def test_a_change_is_told_of_and_leaves_nothing(tmp_path):
    assert noticing.events(str(tmp_path)).severity is Severity.OK
    assert noticing.events(str(tmp_path / "not/yet")).severity is Severity.OK
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_opened_instead():
    code = "from mlmake.host.noticing import events\nprint(events(here).severity)"
    assert on_tmpfs("size=1m", code, before="mount -o remount,ro /mnt") == "ok\n"


def test_no_instance_and_no_watch_are_told():
    code = "from mlmake.host.noticing import events\nf = events(here)\nprint(f.severity, f.what)"
    told = on_tmpfs("size=1m", code, before="echo 0 > /proc/sys/user/max_inotify_instances")
    assert told == "warning no inotify instance can be had: Too many open files\n"
    told = on_tmpfs("size=1m", code, before="echo 0 > /proc/sys/user/max_inotify_watches")
    assert told == "warning a folder cannot be watched: No space left on device\n"


def test_a_kernel_that_tells_nothing_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(noticing, "WAIT", 0.05)

    def opened_only(place):
        os.close(os.open(place, os.O_RDONLY))
        return 0x100  # a new file was made, it says

    monkeypatch.setattr(noticing, "_stir", opened_only)
    assert noticing.events(str(tmp_path)).severity is Severity.WARNING


def test_no_descriptor_is_left_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    noticing.events(str(tmp_path))
    assert len(os.listdir("/proc/self/fd")) == before


def test_watchdog_and_the_like_are_not_imported():
    code = (
        "import sys, mlmake.app\nprint([m for m in ('watchdog', 'mlmake.host.noticing', 'ctypes') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
