"""Answers a build of an unchanged project before anything is read or imported; it knows only what a build noted."""

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlmake import __version__
from mlmake.mlfile.devices import VISIBLE
from mlmake.stores.header import token
from mlmake.stores.shortcut import GONE, look, note, recall, request_key
from mlmake.views.idle import idle_line

if TYPE_CHECKING:
    from mlmake.app import App


def answer(argv: Sequence[str]) -> bool:
    """Say that all is up to date if a note for these words still holds; whether it did."""
    began = time.perf_counter()
    folder, file = _where(argv)
    root = _root(folder, file)
    if root is None:
        return False
    message = recall(_note(root, argv), os.environ)
    if message is None:
        return False
    targets, saved, noted, due, state = message.split()
    if state != _state(root) or not (due == b"inf" or float(noted) <= time.time() < float(due)):
        return False
    if int(targets):
        line = idle_line(int(targets), seconds=time.perf_counter() - began, saved=float(saved))
        sys.stderr.write(line + "\n")
    return True


def leave(app: "App", argv: Sequence[str], *, quiet: bool) -> None:
    """After a build that had nothing to do: note all it had looked at."""
    finished = app.idle
    if finished is None or app.notices:
        return
    paths = app.looked_at()
    if paths is None:
        return
    rows = ((path, look(path)) for path in paths)
    passed = {name for action in app.graph.actions.values() for name in action.passed}
    if any(action.policy.resources.gpus for action in app.graph.actions.values()):
        passed.add(VISIBLE)
    told = 0 if quiet else finished.skipped
    message = f"{told} {finished.saved_seconds!r} {finished.time!r} {app.holds_until!r} ".encode() + _state(app.root)
    note(
        _note(app.root, argv),
        rows,
        message=message,
        environ=os.environ,
        passed=passed,
        now_ns=int((finished.time - finished.seconds) * 1e9),
    )


def _state(root: str) -> bytes:
    """What has been recorded, by LMDB's own count: its times are too young after every build."""
    return token(os.path.join(_folder(root), "state", "data.mdb")).encode() or b"-"


def _folder(root: str) -> str:
    return os.environ.get("MLMAKE_STATE_DIR") or os.path.join(root, ".mlmake")


def _note(root: str, argv: Sequence[str]) -> str:
    return os.path.join(_folder(root), "quick", request_key(argv, os.getcwd(), os.environ, version=__version__))


def _where(argv: Sequence[str]) -> tuple[str, str | None]:
    """What `-C` and `-f` say, as far as that can be told by looking; a wrong guess finds no note."""
    folder, file = os.getcwd(), None
    for place, word in enumerate(argv):
        following = argv[place + 1] if place + 1 < len(argv) else ""
        if word in ("-C", "--directory"):
            folder = os.path.join(folder, following)
        elif word.startswith("--directory="):
            folder = os.path.join(folder, word.partition("=")[2])
        elif word in ("-f", "--file"):
            file = following
        elif word.startswith("--file="):
            file = word.partition("=")[2]
    return folder, file


def _root(folder: str, file: str | None) -> str | None:
    """The folder of the Mlfile, if it is the nearest one: another is found by the full way."""
    if file is not None:
        return os.path.dirname(os.path.abspath(os.path.join(folder, file)))
    here = os.path.abspath(folder)
    while True:
        if any(look(os.path.join(here, name)) != GONE for name in ("Mlfile", "Mlfile.toml")):
            return here
        parent = os.path.dirname(here)
        if parent == here:
            return None
        here = parent
