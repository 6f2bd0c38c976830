"""Keeps a Python process from running bytecode older than its source; stands alone, in any CPython from 3.8 on.

It knows nothing of steps. CPython compares sizes and whole seconds, so it takes an edit that leaves the size, made
within the second of the last one, for no edit at all: the step would run what its inputs no longer say.
"""

from __future__ import annotations

import os
from _frozen_importlib_external import SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FOREIGN = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


def distrust() -> None:
    """From now on compile a module anew if its source was changed when or after its bytecode was written."""
    trusting: Any = SourceFileLoader.get_data
    library = os.path.dirname(os.__file__) + os.sep

    def get_data(self: Any, path: Any) -> Any:
        if isinstance(path, str) and path.endswith(".pyc") and self.path != path and not path.startswith(library):
            installed = any(part in path for part in _FOREIGN)
            if not installed and _may_be_older(path, self.path):
                raise OSError(f"{path} may be older than its source")
        return trusting(self, path)

    SourceFileLoader.get_data = get_data  # type: ignore[method-assign]


def _may_be_older(compiled: str, source: str) -> bool:
    try:
        stamp, written = os.stat(source), os.stat(compiled).st_mtime_ns
    except OSError:
        return False
    return written <= max(stamp.st_mtime_ns, stamp.st_ctime_ns)
