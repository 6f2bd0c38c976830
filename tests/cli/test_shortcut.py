"""Law: the shortcut never answers otherwise than the full judgement would."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mlmake.app import App, Choices
from mlmake.cli.shortcut import answer, leave
from mlmake.model.decision import Verb

MLFILE = """
[params]
lr = 0.1
[target.clean]
inputs  = ["data/*.csv", "deep/**/*.txt", "whole/"]
outputs = { table = "build/table.txt", parts = "build/parts/" }
run     = "cat {inputs[0]} > {outputs.table}; mkdir {outputs.parts}; cp {inputs[0]} {outputs.parts}"
[target.train]
inputs  = { table = ":clean.table", part = "build/parts/*.csv" }
outputs = ["build/model.txt"]
env     = ["SHORTCUT_SECRET"]
track   = ["imports", "packages"]
call    = "steps.train:run"
[target.each]
matrix  = { f = { glob = "lists/*.in" } }
outputs = ["build/each/{f.stem}"]
run     = "cp {f} {outputs}"
[target.listed]
matrix  = { part = { from = ":clean.parts" } }
outputs = ["build/listed/{part.stem}"]
run     = "cp {part} {outputs}"
"""
STEP = """
import sys
sys.path.append("env/site-packages")
import dep, features
def run(table, part, lr, outputs):
    open(outputs[0], "w").write(f"{table.read_text()} {lr} {features.X}")
"""


INFO = "env/site-packages/dep-1.0.dist-info"


def lay(root: str) -> None:
    for path, text in {
        "Mlfile": MLFILE,
        "steps/train.py": STEP,
        "features.py": "X = 1\n",
        "env/site-packages/dep.py": "",
        f"{INFO}/METADATA": "Name: dep\nVersion: 1.0\n",
        f"{INFO}/RECORD": "dep.py,,\n",
        "data/a.csv": "1\n",
        "data/b.csv": "2\n",
        "deep/x/y.txt": "3\n",
        "whole/z/w.txt": "4\n",
        "lists/a.in": "5\n",
    }.items():
        os.makedirs(os.path.dirname(f"{root}/{path}") or root, exist_ok=True)
        with open(f"{root}/{path}", "w", encoding="utf-8") as file:
            file.write(text)


def build(*, old: bool) -> bool:
    """A build by the full way, which leaves its note; with `old` as if everything had rested for long."""
    app = App.open(Choices())
    try:
        for _ in app.build(()):
            pass
        if app.idle is None:
            return False
        if old:
            app.idle = replace(app.idle, time=app.idle.time + 60)
        leave(app, [], quiet=True)
        return True
    finally:
        app.close()


def all_up_to_date() -> bool:
    app = App.open(Choices())
    try:
        return all(d.verb is Verb.SKIP for d in app.plan(()).decisions.values())
    finally:
        app.close()


def write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def backdate(path: str, text: str) -> None:
    """Another content of the same size, with the times of before."""
    before = os.stat(path)
    write(path, text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "touch an input": lambda: os.utime("data/a.csv"),
    "edit an input": lambda: write("data/a.csv", "9\n"),
    "edit an input and set its time back": lambda: backdate("data/a.csv", "8\n"),
    "a new file for a glob": lambda: write("data/c.csv", "5\n"),
    "a new file for a list": lambda: write("lists/b.in", "6\n"),
    "an item of a list": lambda: write("lists/a.in", "7\n"),
    "a new file deep down": lambda: write("deep/q/r/new.txt", "5\n"),
    "a new file in an input folder": lambda: write("whole/z/new.txt", "5\n"),
    "remove a file of a glob": lambda: os.unlink("data/b.csv"),
    "edit a module": lambda: write("features.py", "X = 2\n"),
    "another version of a package": lambda: os.rename(INFO, INFO.replace("1.0", "2.0")),
    "another version of a package in place": lambda: write(f"{INFO}/METADATA", "Name: dep\nVersion: 2.0\n"),
    "edit the step": lambda: write("steps/train.py", STEP + "\nY = 1\n"),
    "a package that hides the step": lambda: write("steps/train/__init__.py", STEP.replace("lr}", "lr}!")),
    "edit the Mlfile": lambda: write("Mlfile", MLFILE.replace("0.1", "0.2")),
    "a second Mlfile": lambda: write("Mlfile.toml", MLFILE),
    "spoil an output": lambda: write("build/model.txt", "spoilt"),
    "remove an output": lambda: os.unlink("build/table.txt"),
    "a file more in an output folder": lambda: write("build/parts/more.csv", "6\n"),
    "another value of a variable": lambda: os.environ.update(SHORTCUT_SECRET="other"),
    "lose the state": lambda: shutil.rmtree(".mlmake/state"),
}


@pytest.fixture(scope="module")
def built() -> str:
    """A project that is built and has its note."""
    folder = tempfile.mkdtemp()
    here = os.getcwd()
    lay(folder)
    os.chdir(folder)
    try:
        build(old=False)
        assert build(old=True)
    finally:
        os.chdir(here)
    return folder


@pytest.mark.parametrize("change", CHANGES)
def test_a_note_holds_only_while_the_judge_says_the_same(
    change: str, built: str, tmp_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = f"{tmp_path}/project"
    shutil.copytree(built, project, symlinks=True)
    monkeypatch.chdir(project)
    monkeypatch.setenv("SHORTCUT_SECRET", "first")
    build(old=False)
    assert build(old=True)
    assert answer([]), "nothing has changed yet"
    CHANGES[change]()
    held = answer([])
    assert held == (change == "nothing")
    if change != "a second Mlfile":
        assert all_up_to_date() or not held


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(sorted(set(CHANGES) - {"a second Mlfile", "lose the state"})), max_size=4))
def test_never_otherwise_than_the_full_judgement(built: str, changes: list[str]) -> None:
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        project = f"{folder}/project"
        shutil.copytree(built, project, symlinks=True)
        os.chdir(project)
        os.environ["SHORTCUT_SECRET"] = "first"
        try:
            build(old=False)
            build(old=True)
            for change in changes:
                try:
                    CHANGES[change]()
                except FileNotFoundError:
                    continue
                held = answer([])
                event(f"the note holds: {held}")
                assert all_up_to_date() or not held, change
        finally:
            os.environ.pop("SHORTCUT_SECRET", None)
            os.chdir(here)


def test_a_young_file_is_not_trusted(built: str, tmp_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project = f"{tmp_path}/project"
    shutil.copytree(built, project, symlinks=True)
    monkeypatch.chdir(project)
    build(old=False)
    assert build(old=False)
    assert not answer([])


def test_other_words_have_other_notes(built: str, tmp_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project = f"{tmp_path}/project"
    shutil.copytree(built, project, symlinks=True)
    monkeypatch.chdir(project)
    build(old=False)
    assert build(old=True)
    assert answer([])
    assert not answer(["--set", "lr=0.2"])


def test_a_damaged_note_is_no_note(built: str, tmp_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project = f"{tmp_path}/project"
    shutil.copytree(built, project, symlinks=True)
    monkeypatch.chdir(project)
    build(old=False)
    assert build(old=True)
    path = max((entry.path for entry in os.scandir(".mlmake/quick")), key=os.path.getmtime)
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[-5] ^= 1
    with open(path, "wb") as file:
        file.write(data)
    assert not answer([])
