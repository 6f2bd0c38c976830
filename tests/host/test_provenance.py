"""By what and where results are made: the real git, where there is one, and none where there is none."""

import os
import subprocess
import sys

import pytest

from mlmake.host.provenance import Provenance, has_repository


def git(folder, *words):
    said = subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e", *words],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return said.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "code.py").write_text("1\n")
    git(folder, "add", "code.py")
    git(folder, "commit", "-qm", "one")
    return folder


def told(folder, **how):
    return Provenance(str(folder), python=sys.executable, version="1.2", user="somebody", **how).told()


def test_the_machine_is_told_without_git(tmp_path):
    found = told(tmp_path)
    assert found["host"] == os.uname().nodename
    assert os.uname().machine in found["platform"]
    assert (found["user"], found["mlmake"], found["python"]) == ("somebody", "1.2", sys.executable)
    assert found["python_version"] == ".".join(map(str, sys.version_info[:3]))
    assert "git" not in found and "git_dirty" not in found


def test_the_commit_and_whether_tracked_files_changed(repository):
    (repository / "notes.txt").write_text("not tracked")
    found = told(repository)
    assert (found["git"], found["git_dirty"]) == (git(repository, "rev-parse", "HEAD"), "no")
    (repository / "code.py").write_text("2\n")
    below = repository / "below"
    below.mkdir()
    found = told(below)
    assert (found["git"], found["git_dirty"]) == (git(repository, "rev-parse", "HEAD"), "yes")


def test_a_repository_without_a_commit_has_none(tmp_path):
    git(tmp_path, "init", "-q")
    assert "git" not in told(tmp_path)


def slow_git(tmp_path, monkeypatch, script):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/calls\n{script}\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_huge_work_tree_is_not_waited_for(repository, tmp_path, monkeypatch):
    head = git(repository, "rev-parse", "HEAD")
    slow_git(tmp_path, monkeypatch, f'case "$1" in status) exec sleep 30;; *) echo {head};; esac')
    found = told(repository, longest=0.2)
    assert (found["git"], found["git_dirty"]) == (head, "unknown")


def test_git_is_asked_once_and_only_when_told_to(repository, tmp_path, monkeypatch):
    slow_git(tmp_path, monkeypatch, "exit 128")
    provenance = Provenance(str(repository), python=sys.executable, version="1", user="u")
    assert not (tmp_path / "calls").exists()
    provenance.ask()
    provenance.ask()
    assert "git" not in provenance.told() and "git" not in provenance.told()
    assert (tmp_path / "calls").read_text() == "status\n"


def test_without_the_program_there_is_no_commit(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert has_repository(str(repository))
    assert "git" not in told(repository)


def test_another_interpreter_is_asked_for_its_version(tmp_path):
    place = tmp_path / "python"
    place.write_text("#!/bin/sh\necho 3.99.1\n")
    place.chmod(0o755)
    found = Provenance(str(tmp_path), python=str(place), version="1", user="u").told()
    assert (found["python"], found["python_version"]) == (str(place), "3.99.1")
