"""A private copy of a project: what is in it, and that nothing in it leads back to what it copies."""

import os

import pytest

from mlmake.host import view as rooms
from mlmake.host.comparing import compare
from mlmake.host.view import make_view


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    for path, text in {
        "Mlfile": "m",
        "steps/train.py": "code",
        "steps/__pycache__/train.pyc": "bytes",
        "build/old.txt": "own output",
        "build/other.txt": "another's",
        "build/folder/inner.txt": "own output",
        ".venv/pyvenv.cfg": "",
        ".git/HEAD": "ref",
        ".mlmake/state/data": "state",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "run.sh").write_text("#!/bin/sh")
    (root / "run.sh").chmod(0o555)
    (root / "inside").symlink_to("steps/train.py")
    (root / "absolute").symlink_to(root / "steps")
    (tmp_path / "data").mkdir()
    (root / "data").symlink_to("../data")
    os.mkfifo(root / "pipe")
    return root


def test_what_is_in_it(project, tmp_path):
    view = tmp_path / "deep" / "view"
    outputs = ["build/old.txt", "build/folder/", "fresh/new.txt"]
    make_view(str(project), str(view), outputs=outputs, hidden=[str(project / ".mlmake")])
    found = {str(p.relative_to(view)) for p in view.rglob("*") if not p.is_dir() or p.is_symlink()}
    assert found == {
        *("Mlfile", "steps/train.py", "build/other.txt", "run.sh", "inside", "absolute", "data", ".venv", ".git"),
    }
    assert (view / "fresh").is_dir()
    assert os.readlink(view / "data") == str(tmp_path / "data")
    assert (view / "inside").resolve() == (view / "steps/train.py").resolve()
    assert (view / "absolute").resolve() == (view / "steps").resolve()
    assert os.access(view / "run.sh", os.X_OK)
    assert (view / "steps/train.py").stat().st_mtime_ns == (project / "steps/train.py").stat().st_mtime_ns


def test_writing_in_it_changes_nothing_outside(project, tmp_path):
    view = tmp_path / "view"
    make_view(str(project), str(view), outputs=[], hidden=[str(project / ".mlmake")])
    for path in ("Mlfile", "run.sh", "build/other.txt", "steps/train.py"):
        (view / path).write_text("spoilt")
    (view / "steps/more.py").write_text("more")
    assert (project / "Mlfile").read_text() == "m" and (project / "run.sh").read_text() == "#!/bin/sh"
    assert not (project / "steps/more.py").exists()


def test_a_large_file_is_shared_or_a_link_and_never_copied(project, tmp_path, monkeypatch):
    monkeypatch.setattr(rooms, "COPIED", 100)
    (project / "large").write_bytes(b"x" * 101)
    (project / "small").write_bytes(b"x" * 100)
    monkeypatch.setattr(rooms, "_share", lambda source, target: False)
    view = tmp_path / "view"
    make_view(str(project), str(view), outputs=[], hidden=[str(project / ".mlmake")])
    assert os.readlink(view / "large") == str(project / "large")
    assert not (view / "small").is_symlink()


def test_files_and_folders_are_compared_by_content(tmp_path, monkeypatch):
    for side, text in (("a", "1\n2\n"), ("b", "1\n3\n")):
        (tmp_path / side / "sub").mkdir(parents=True)
        (tmp_path / side / "sub/f").write_text(text)
        (tmp_path / side / "same").write_text("same")
    first, second = str(tmp_path / "a"), str(tmp_path / "b")
    assert compare(f"{first}/same", f"{second}/same", folder=False) is None
    assert compare(f"{first}/sub/f", f"{second}/sub/f", folder=False) == 'at line 2: "2" → "3"'
    assert compare(first, second, folder=True) == 'sub/f at line 2: "2" → "3"'
    (tmp_path / "b/sub/f").write_text("1\n2\n")
    os.utime(tmp_path / "b/sub/f", (1, 1))
    assert compare(first, second, folder=True) is None
    (tmp_path / "b/added").write_text("")
    assert compare(first, second, folder=True) == "added is only in what the second run left"
    (tmp_path / "b/added").unlink()
    (tmp_path / "b/same").unlink()
    (tmp_path / "b/same").mkdir()
    assert compare(first, second, folder=True) == "same is a file → a folder"


def test_large_files_are_compared_in_blocks(tmp_path, monkeypatch):
    import mlmake.host.comparing as comparing

    monkeypatch.setattr(comparing, "WHOLE", 10)
    monkeypatch.setattr(comparing, "_BLOCK", 8)
    (tmp_path / "a").write_bytes(b"x" * 30)
    (tmp_path / "b").write_bytes(b"x" * 20 + b"y" + b"x" * 9)
    (tmp_path / "c").write_bytes(b"x" * 32)
    assert compare(str(tmp_path / "a"), str(tmp_path / "b"), folder=False) == "from byte 20 on, of 30"
    assert compare(str(tmp_path / "a"), str(tmp_path / "c"), folder=False) == "from byte 30 on; 30 bytes and 32"
    assert compare(str(tmp_path / "a"), str(tmp_path / "a"), folder=False) is None
