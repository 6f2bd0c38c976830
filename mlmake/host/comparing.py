"""Compares what two runs left at an output, by content; it does not know what made it."""

import os

from mlmake.host.eyes import DISK
from mlmake.model.tree import NotContent, entries
from mlmake.planning.difference import byte_difference, difference

WHOLE = 16 * 1024 * 1024
"""Bytes up to which a file is looked at as a whole, to tell values and lines."""

_BLOCK = 1024 * 1024


def compare(first: str, second: str, *, folder: bool) -> str | None:
    """Where two files or folders first differ; None if they do not. Raises OSError."""
    return _folders(first, second) if folder else _files(first, second)


def _folders(first: str, second: str) -> str | None:
    try:
        olds = {entry.path: entry for entry in entries(first, DISK)}
        news = {entry.path: entry for entry in entries(second, DISK)}
    except NotContent as error:
        return f"{error} is no regular file"
    for path in sorted({*olds, *news}):
        old, new = olds.get(path), news.get(path)
        if old is None or new is None:
            return f"{path} is only in what the {'first' if new is None else 'second'} run left"
        if (old.kind, old.text) != (new.kind, new.text):
            return f"{path} is a {old.kind} → a {new.kind}" if old.kind != new.kind else f"{path} leads elsewhere"
        if old.kind == "file" and (found := _files(f"{first}/{path}", f"{second}/{path}")):
            return f"{path} {found}"
    return None


def _files(first: str, second: str) -> str | None:
    sizes = os.stat(first).st_size, os.stat(second).st_size
    place = 0
    with open(first, "rb") as old, open(second, "rb") as new:
        if max(sizes) <= WHOLE:
            datas = old.read(), new.read()
            return None if datas[0] == datas[1] else difference(*datas)
        while True:
            blocks = old.read(_BLOCK), new.read(_BLOCK)
            if blocks[0] != blocks[1]:
                shorter = min(map(len, blocks))
                within = next((i for i in range(shorter) if blocks[0][i] != blocks[1][i]), shorter)
                return byte_difference(place + within, sizes)
            if not blocks[0]:
                return None
            place += _BLOCK
