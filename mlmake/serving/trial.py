"""The process that tries models, one child each: python -m mlmake.serving.trial ROOT SECONDS; it serves nobody."""

import contextlib
import importlib
import json
import os
import pickle
import select
import signal
import sys
from dataclasses import replace
from time import monotonic
from typing import BinaryIO

from mlmake.model.release import Manner, ReleasedModel
from mlmake.serving.ensemble import Misfit
from mlmake.serving.generation import compose, open_member, warm
from mlmake.serving.loader import Fetched, Refused
from mlmake.serving.nursery import LENGTH

PACKAGES = ("sklearn", "scipy")
"""Whose modules, once a model has needed them, the next child finds imported."""


def main() -> None:
    """Answer orders with null or the reason for refusing, a line each, until there are no more."""
    root, patience = sys.argv[1], float(sys.argv[2])
    if root and root not in sys.path:
        sys.path.append(root)
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What models print is no answer, and what they read is nothing.
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    while (order := read_order(orders)) is not None:
        told, modules = attempt(order, patience)
        answers.write(json.dumps(told).encode() + b"\n")
        answers.flush()
        for name in modules:
            # It was importable a moment ago; if it no longer is, the next child will say so.
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


Order = tuple[ReleasedModel, Fetched, Manner, bytes | None]


def read_order(stream: BinaryIO) -> Order | None:
    """The next order; none if there are no more."""
    lengths = stream.read(LENGTH.size)
    if len(lengths) < LENGTH.size:
        return None
    size, content = LENGTH.unpack(lengths)
    model, fetched, manner, request = pickle.loads(stream.read(size))
    if content:
        fetched = replace(fetched, content=stream.read(content - 1))
    return model, fetched, manner, request


def attempt(order: Order, patience: float) -> tuple[str | None, list[str]]:
    """Try a model in a child: why it is refused, if it is; and what it has imported of `PACKAGES`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setsid()
        told: tuple[str | None, list[str]] = "it raised something that ends a process", []
        try:
            told = rehearse(order), [name for name in sys.modules if name.partition(".")[0] in PACKAGES]
        finally:
            os.write(writing, json.dumps(told).encode() + b"\n")
            os._exit(0)
    os.close(writing)
    try:
        told_line = read_line(reading, monotonic() + patience)
    finally:
        os.close(reading)
    # Also what it has started.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if told_line is None:
        return f"{order[0].path} was not loaded and warmed up within {patience:g} s, so it is not loaded here", []
    if told_line.endswith(b"\n"):
        refused, modules = json.loads(told_line)
        return refused, modules
    return f"{order[0].path} ended the process that loaded it ({ending(status)}), so it is not loaded here", []


def read_line(descriptor: int, end: float) -> bytes | None:
    """What is written there up to the end of a line, or of all that can write; none if it takes longer."""
    told = b""
    while not told.endswith(b"\n"):
        left = end - monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return None
        piece = os.read(descriptor, 65536)
        if not piece:
            break
        told += piece
    return told


def ending(status: int) -> str:
    """How a process has ended, by what `waitpid` says."""
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit code {os.WEXITSTATUS(status)}"


def rehearse(order: Order) -> str | None:
    """All that the server will do with the model before it goes live; the reason if it cannot."""
    model, fetched, manner, request = order
    try:
        warm(compose("trial", [open_member(model, fetched, manner)], manner), request)
    except (Refused, Misfit) as error:
        return str(error)
    return None


if __name__ == "__main__":
    main()
