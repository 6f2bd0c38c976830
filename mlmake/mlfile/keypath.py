"""Where a value stands in a document: the keys and array places that lead to it; it does not know line or column."""

import re
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys as strings, places in arrays as integers from 0: `("target", "train", "inputs", 0)`."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def show_path(where: KeyPath) -> str:
    """A key path as it would be written: `target.train.inputs[0]`, names with other characters quoted."""
    text = ""
    for part in where:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = part if _BARE.fullmatch(part) else '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'
            text += f".{shown}" if text else shown
    return text
