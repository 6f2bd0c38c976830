"""The content store damaged, lost or shared, and outputs that are deleted, altered or led elsewhere."""

import os
import shutil
import stat
from pathlib import Path

import pytest
from aftermath import no_trace, of_all_kinds


@pytest.fixture
def project(tmp_path):
    project = of_all_kinds(tmp_path / "p")
    project.build()
    return project


def objects_of(project):
    """Where the bytes of the files in the store are."""
    return sorted(path for path in (project.store / "objects").rglob("*") if path.is_file())


def flip(path):
    os.chmod(path, 0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path):
    os.chmod(path, 0o644)
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    os.chmod(path, 0o644)
    os.truncate(path, 0)


@pytest.mark.parametrize("damage", [flip, cut, empty, os.unlink])
def test_row_35_a_damaged_object_is_dropped_and_made_again(project, damage):
    for path in objects_of(project):
        damage(path)
    shutil.rmtree(project.root / "build")
    said = project.run("build")
    assert said.code == 0, said
    if damage is not os.unlink:
        assert "is damaged in the store and was dropped" in said.err
    project.heals()
    shutil.rmtree(project.root / "build")
    assert project.heals().summary["restored"] == 4, "what was made again is whole"


def test_row_35_one_damaged_object_costs_one_step(project):
    place = next(path for path in objects_of(project) if path.read_bytes() == b"13\n")
    flip(place)
    shutil.rmtree(project.root / "build")
    said = project.heals()
    assert said.outcomes() == {"split": "ran", "count": "restored", "train": "restored", "best": "restored"}


def test_row_35_a_damaged_object_is_never_put_over_what_is_there(project):
    place = next(path for path in objects_of(project) if path.read_bytes() == b"13\n")
    flip(place)
    project.run("build", "--frozen")
    (project.root / "build/b.txt").write_text("altered")
    said = project.run("build", "--frozen")
    assert said.code == 3, said
    assert (project.root / "build/b.txt").read_text() == "altered"
    project.heals()


def test_row_36_a_restored_output_is_no_door_to_the_store(project):
    shutil.rmtree(project.root / "build")
    assert project.build().summary["restored"] == 4
    kept = project.objects()
    for path in (project.root / "build").rglob("*"):
        if path.is_file():
            assert path.stat().st_nlink == 1
            with open(path, "a") as file:
                file.write("more")
    assert project.objects() == kept
    assert project.heals(kept=kept).summary["ran"] == 0


@pytest.mark.parametrize("lost", ["outputs", "store", "state", "outputs store", "outputs state", "outputs store state"])
def test_row_37_what_is_lost_is_restored_or_made_again(project, lost):
    if "outputs" in lost:
        shutil.rmtree(project.root / "build")
    if "store" in lost:
        shutil.rmtree(project.store)
    if "state" in lost:
        shutil.rmtree(project.state_dir / "state")
    made = project.heals().summary
    if "store" in lost:
        assert made["ran"] == (4 if "outputs" in lost else 0)
    else:
        assert (made["ran"], made["restored"]) == (0, 4 if "outputs" in lost else 0)


def test_row_37_single_outputs_are_put_back_and_others_left(project):
    for path in ("build/b.txt", "build/parts/p-aa", "build/best.json"):
        before = (project.root / "build/a.txt").stat()
        (project.root / path).unlink()
        assert project.heals().summary["ran"] == 0
        after = (project.root / "build/a.txt").stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("instead", ["folder", "link", "dangling", "closed"])
def test_row_37_whatever_stands_where_an_output_was_gives_way(project, tmp_path, instead):
    place, elsewhere = project.root / "build/b.txt", tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    place.unlink()
    match instead:
        case "folder":
            (place / "in").mkdir(parents=True)
        case "link":
            place.symlink_to(elsewhere)
        case "dangling":
            place.symlink_to("nowhere")
        case "closed":
            place.mkdir()
            (place / "f").touch()
            place.chmod(0o000)
    project.heals()
    assert elsewhere.read_text() == "theirs" and stat.S_ISREG(place.lstat().st_mode)


def test_row_37_a_pipe_where_an_output_was_is_named(project):
    place = project.root / "build/b.txt"
    place.unlink()
    os.mkfifo(place)
    said = project.run()
    assert said.code == 1 and f"{place}: is a pipe, socket or device, not a file" in said.err, said
    for words in (["plan"], ["status"]):
        said = project.run(*words)
        assert str(place) in said.out + said.err, said
    place.unlink()
    project.heals()


@pytest.mark.parametrize("words", [["build"], ["build", "--force", "split", "--force", "best"]])
def test_outputs_are_never_written_outside(project, tmp_path, words):
    """A parent of outputs may have become a link that leads away."""
    away = tmp_path / "away"
    away.mkdir()
    shutil.rmtree(project.root / "build")
    (project.root / "build").symlink_to(away)
    said = project.run(*words)
    assert said.code == 1 and f"would be written in {away}, outside the project" in said.err, said
    assert list(away.iterdir()) == []
    (project.root / "build").unlink()
    project.heals()


def test_a_store_is_shared_by_builds_of_two_projects(tmp_path):
    store = {"MLMAKE_CACHE_DIR": str(tmp_path / "store")}
    one, two = of_all_kinds(tmp_path / "one"), of_all_kinds(tmp_path / "two")
    one.env, two.env = store, store
    builds = [project.start("build", "--json") for project in (one, two) for _ in range(2)]
    for build in builds:
        out, err = build.communicate(timeout=60)
        no_trace(out + err)
        assert build.returncode == 0, err
    one.heals()
    shutil.rmtree(one.root / "build")
    two.heals()
    one.heals()
    assert Path(tmp_path, "store", "objects").is_dir()
