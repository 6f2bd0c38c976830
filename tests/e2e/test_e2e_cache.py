"""The cache's life, by the real command: what goes, what stays, what is found and mended."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlmake.stores.collecting import Collector
from mlmake.stores.opening import open_state
from mlmake.stores.rows import HOUR

MLFILE = """
    [params]
    n = 1
    [target.data]
    run = "echo {params.n} > data.txt; head -c 50000 /dev/zero | tr '\\\\0' {params.n} > big"
    outputs = ["data.txt", "big"]
    [target.parts]
    run = "mkdir -p parts; cp data.txt parts/a; echo same > parts/b"
    inputs = ["data.txt"]
    outputs = ["parts/"]
"""


def disk_use(folder):
    """What `du` shows of the files."""
    found = subprocess.run(["du", "-s", "--block-size=1", str(folder)], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[0])


def objects(folder):
    return {path.name: path for path in Path(folder).glob("objects/*/*")}


def make_older(project, hours, folder=".mlmake/state"):
    """As if all that was used until now had been used so long before."""
    state = open_state(str(project.root / folder))
    entries = state.oldest(most=10_000)
    for entry in entries:
        state.touch([entry.place], at=(entry.hour - hours) * HOUR)
    state.close()


def build_some(project, *values):
    for n in values:
        project.build("--set", f"n={n}")
    rest(project.root / ".mlmake/cache")


def rest(cache):
    """Nothing goes that was touched a moment ago, and what is on its way to the disk takes no blocks yet."""
    for path in objects(cache).values():
        os.utime(path, (time.time() - 60,) * 2)
    os.sync()


def test_what_was_not_used_for_long_goes_and_the_disk_is_as_much_emptier_as_it_says(project):
    project.mlfile(MLFILE)
    build_some(project, 1, 2, 3)
    make_older(project, 31 * 24)
    cache = project.root / ".mlmake/cache"
    before = disk_use(cache)
    planned = project("gc", "-n", "--json").document
    assert disk_use(cache) == before
    done = project("gc", "--json").document
    os.sync()
    assert planned["groups"] == [{**done["groups"][0], "oldest_seconds": planned["groups"][0]["oldest_seconds"]}]
    assert done["results"] == 3
    assert done["in_use"] == 3
    assert planned["freed_bytes"] == done["freed_bytes"] == before - disk_use(cache) > 50_000
    # What stands can be put back; what went has to run again.
    shutil.rmtree(project.root / "parts")
    assert project.build("--set", "n=3").restored == {"parts"}
    assert project.build("--set", "n=2").ran == {"data", "parts"}


def test_nothing_goes_before_its_time_and_a_use_begins_it_anew(project):
    project.mlfile(MLFILE)
    build_some(project, 1, 2, 3)
    make_older(project, 29 * 24)
    assert project("gc").out == "nothing to remove\n"
    make_older(project, 5 * 24)
    assert project.build("--set", "n=2").restored == {"data", "parts"}
    # The parts of n = 1: its data are the last result of a present recipe, and those of n = 3 stood until just now.
    assert project("gc", "--json").document["results"] == 1
    assert project.plan("--set", "n=3") == {"data": "restore", "parts": "restore"}
    assert project.plan("--set", "n=2")["data"] == "skip"


def test_the_store_shrinks_to_its_size_oldest_first(project):
    project.mlfile(MLFILE)
    for n in (1, 2, 3, 4, 5):
        build_some(project, n)
        make_older(project, 3)
    said = project("gc", "--max-size", "250 kB", "--json").document
    assert [group["reason"] for group in said["groups"]] == ["size"]
    assert project.plan("--set", "n=2")["data"] == "run"
    assert project.plan("--set", "n=5")["data"] == "skip"
    files = sum(
        os.lstat(path).st_blocks * 512 for path in (project.root / ".mlmake/cache").rglob("*") if path.is_file()
    )
    assert files <= 250_000


def test_what_the_last_runs_ended_with_stays(project):
    project.mlfile(MLFILE)
    build_some(project, 1, 2, 3, 4)
    assert "nothing to remove" in project("gc", "-n", "--unused-for", "30d", "--keep-runs", "1").out
    said = project("gc", "--unused-for", "0s", "--keep-runs", "3", "-n", "--json").document
    # The present recipes are those of n = 1, so that they stay too.
    assert said["results"] == 0 or said["groups"][0]["reason"] == "unused"
    assert project("gc", "--keep-runs", "2", "--json").document["groups"][0]["reason"] == "old-run"
    plans = {n: project.plan("--set", f"n={n}")["data"] for n in (2, 3, 4)}
    assert plans == {2: "run", 3: "restore", 4: "skip"}


def test_what_nobody_refers_to_goes_but_nothing_that_is_not_of_the_store(project):
    project.mlfile(MLFILE)
    build_some(project, 1)
    cache = project.root / ".mlmake/cache"
    stray, own = cache / "objects/ab" / ("ab" * 32), cache / "objects/ab/notes.txt"
    stray.parent.mkdir(exist_ok=True)
    for path in (stray, own):
        path.write_text("x")
        os.utime(path, (1e9, 1e9))
    said = project("gc")
    assert "removed 1 object that no result refers to" in said.out
    assert own.exists()
    assert not stray.exists()
    assert project("cache", "verify").code == 0


def test_words_that_make_no_sense_are_told(project):
    project.mlfile(MLFILE)
    assert "--unused-for 3x: write a duration" in project("gc", "--unused-for", "3x").err
    assert "--max-size huge: write a size" in project("gc", "--max-size", "huge").err
    assert project("cache", "push").code == 2


def test_stats_count_what_is_there(project):
    project.mlfile(MLFILE)
    build_some(project, 1, 2)
    make_older(project, 40 * 24)
    said = project("cache", "stats", "--json").document
    assert (said["results"], said["objects"]) == (4, len(objects(project.root / ".mlmake/cache")))
    assert said["last_used"]["longer ago"] == 4
    assert said["gc_bytes"] == project("gc", "--json").document["freed_bytes"]
    assert project("cache", "stats").out.splitlines()[1].startswith("results   ")


def test_a_damaged_object_is_mended_from_what_lies_on_the_disk(project):
    project.mlfile(MLFILE)
    build_some(project, 1)
    (big,) = (path for path in objects(project.root / ".mlmake/cache").values() if path.stat().st_size == 50_000)
    big.chmod(0o644)
    big.write_bytes(b"x" + big.read_bytes()[1:])
    said = project("cache", "verify", "--json")
    assert said.code == 0
    assert said.document["mended"] == [big.name]
    (project.root / "big").unlink()
    assert project.build().restored == {"data"}


def test_what_is_lost_is_told_and_never_offered_again(project):
    project.mlfile(MLFILE)
    build_some(project, 1, 2)
    bigs = [path for path in objects(project.root / ".mlmake/cache").values() if path.stat().st_size == 50_000]
    (old,) = (path for path in bigs if path.read_bytes()[:1] == b"1")
    old.unlink()
    said = project("cache", "verify", "--json")
    assert said.code == 1
    assert [lost["object"] for lost in said.document["lost"]] == [old.name]
    assert project("cache", "verify").code == 1, "the result still stands for the present recipe"
    assert project.build().ran == {"data"}
    assert project("cache", "verify").code == 0


def test_a_lost_plain_record_is_written_again(project):
    project.mlfile(MLFILE)
    build_some(project, 1)
    shutil.rmtree(project.root / ".mlmake/cache/records")
    assert project("cache", "verify", "--json").document["records_written"] == 2
    shutil.rmtree(project.root / ".mlmake/state")
    assert project.build().skipped == {"data", "parts"}


def test_a_day_later_builds_collect_in_slices(project, monkeypatch):
    project.mlfile(MLFILE)
    build_some(project, 1, 2, 3)
    make_older(project, 31 * 24)
    before = len(objects(project.root / ".mlmake/cache"))
    build_some(project, 3)
    assert len(objects(project.root / ".mlmake/cache")) == before, "not on the same day"
    monkeypatch.setattr(Collector, "is_due", lambda self: True)
    # How far a slice comes hangs on the machine; a few dozen are enough on any.
    for _ in range(40):
        build_some(project, 3)
        if not (left := project("gc", "-n", "--json").document["freed_bytes"]):
            break
    assert len(objects(project.root / ".mlmake/cache")) < before
    assert left == 0
    assert project("cache", "verify").code == 0


def two_projects(project, tmp_path, monkeypatch):
    monkeypatch.setenv("MLMAKE_CACHE_DIR", str(tmp_path / "shared"))
    other = type(project)(tmp_path / "other", project._capture)
    other.root.mkdir()
    project.mlfile(MLFILE)
    other.mlfile(MLFILE)
    return other


def test_what_another_project_refers_to_stays(project, tmp_path, monkeypatch):
    other = two_projects(project, tmp_path, monkeypatch)
    build_some(project, 1, 2)
    assert project("-C", str(other.root), "build").code == 0
    make_older(project, 31 * 24)
    project.build("--set", "n=3")
    said = project("gc", "--unused-for", "0s", "--json").document
    assert said["results"] > 0
    assert (tmp_path / "other/.mlmake/state").is_dir()
    shutil.rmtree(other.root / "parts")
    (other.root / "big").unlink()
    built = project("-C", str(other.root), "build", "--json")
    outcomes = [json.loads(line) for line in built.out.splitlines()]
    assert {e["outcome"] for e in outcomes if e["event"] == "target-finished"} == {"restored"}


def test_a_project_that_is_gone_keeps_its_results_for_a_time(project, tmp_path, monkeypatch):
    other = two_projects(project, tmp_path, monkeypatch)
    other.edit("Mlfile", "n = 1", "n = 9")
    build_some(project, 1)
    assert project("-C", str(other.root), "build").code == 0
    shutil.rmtree(other.root)
    rest(tmp_path / "shared")
    before = len(objects(tmp_path / "shared"))
    said = project("gc")
    assert "is gone: what it has kept stays" in said.out
    assert len(objects(tmp_path / "shared")) == before
    (mark,) = (tmp_path / "shared/projects").glob("*.gone")
    os.utime(mark, (time.time() - 31 * 86400,) * 2)
    said = project("gc")
    assert "is gone: what only it has kept goes too" in said.out
    assert len(objects(tmp_path / "shared")) < before
    assert project("cache", "verify").code == 0
    assert project("gc").out == "nothing to remove\n"


def test_a_project_that_cannot_be_asked_loses_nothing(project, tmp_path, monkeypatch):
    other = two_projects(project, tmp_path, monkeypatch)
    other.edit("Mlfile", "n = 1", "n = 9")
    build_some(project, 1, 2)
    assert project("-C", str(other.root), "build").code == 0
    # Its state is damaged: the plain records tell what it has.
    (other.root / ".mlmake/state/data.mdb").write_bytes(b"garbage" * 100)
    said = project("gc", "--unused-for", "0s")
    assert said.code == 0, said.err
    shutil.rmtree(other.root / "parts")
    assert "restored" in project("-C", str(other.root), "build").err
    # Neither can be read: nothing is known, so nothing goes.
    (other.root / ".mlmake/state/data.mdb").write_bytes(b"garbage" * 100)
    for path in (tmp_path / "shared/records").iterdir():
        path.write_bytes(path.read_bytes() + b'{"schema": 99}\n')
    before = len(objects(tmp_path / "shared"))
    project.build("--set", "n=5")
    project.build("--set", "n=6")
    said = project("gc", "--unused-for", "0s")
    assert "no object is removed" in said.out
    assert len(objects(tmp_path / "shared")) > before


SLOW = """
    [target.slow]
    run = "touch begun; while [ ! -e go ]; do sleep 0.02; done; cp data.txt slow.txt"
    inputs = ["data.txt"]
    outputs = ["slow.txt"]
"""


@pytest.mark.parametrize("where", ["the same project", "another project"])
def test_a_build_that_runs_keeps_what_it_uses(project, tmp_path, monkeypatch, where):
    other = two_projects(project, tmp_path, monkeypatch)
    for one in (project, other):
        one.write("Mlfile", one.read("Mlfile") + SLOW.replace("\n    ", "\n"))
    builder = project if where == "the same project" else other
    if builder is other:
        # All bytes that the other one is about to make are there already, and about to go.
        project.build("--set", "n=7", "data", "parts")
        project.build("data", "parts")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlmake", "build", "--set", "n=7"],
        cwd=builder.root,
        env=os.environ.copy(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 30
        while not (builder.root / "begun").exists():
            assert time.monotonic() < end
        said = project("gc", "--unused-for", "0s", "--json")
        assert said.code == 0, said.err
    finally:
        (builder.root / "go").touch()
        assert process.wait(30) == 0
    assert project("-C", str(builder.root), "cache", "verify").code == 0
    for name in ("data.txt", "big", "slow.txt"):
        (builder.root / name).unlink()
    done = project("-C", str(builder.root), "build", "--set", "n=7", "--json")
    outcomes = [json.loads(line) for line in done.out.splitlines()]
    assert {e["outcome"] for e in outcomes if e["event"] == "target-finished"} <= {"restored", "skipped"}


def test_before_what_does_not_fit_it_is_said(project, monkeypatch):
    import mlmake.host.room as room

    project.mlfile(MLFILE)
    project.build()
    assert not project.build("--set", "n=2").warnings
    small = os.statvfs_result((512, 512, 100, 100, 90, 10, 10, 10, 0, 255))
    monkeypatch.setattr(room.os, "statvfs", lambda place: small)
    built = project.build("--set", "n=3")
    assert built.ran == {"data", "parts"}
    assert any("needs about 97.7 KiB on the disk of" in text and "45.0 KiB are free" in text for text in built.warnings)
    assert any("putting it back needs" in text for text in project.build("--set", "n=2").warnings)
