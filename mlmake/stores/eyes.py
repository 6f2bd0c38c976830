"""How the store looks at folders it is to keep; it does not know what belongs to their content."""

import os
from collections.abc import Iterator

from mlmake.model.tree import Eyes, Found


def scan(folder: str) -> Iterator[tuple[str, Found]]:
    """The names in a folder and what they are."""
    with os.scandir(folder) as found:
        for entry in found:
            linked = entry.is_symlink()
            if entry.is_file():
                yield entry.name, "link-to-file" if linked else "file"
            elif entry.is_dir():
                yield entry.name, "link-to-folder" if linked else "folder"
            else:
                yield entry.name, "dangling" if linked and not os.path.exists(entry.path) else "other"


DISK = Eyes(scan, os.path.realpath, os.readlink)
