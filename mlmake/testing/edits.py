"""Changes to the files of a folder that can be taken back, to the inode; it does not know what the files are for."""

import os
import shutil


class Edits:
    """What was changed, in order; `before` is a folder in which what was there before is kept."""

    def __init__(self, before: str) -> None:
        self._before = before
        self._log: list[tuple[str, str | None]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._log)

    def write(self, place: str, content: bytes | None) -> None:
        """Write a file; None is another content than there is. In a folder (ends in "/") a file is added."""
        self._count += 1
        if content is None:
            content = b"\n# another content %d\n" % self._count
            if place.endswith("/"):
                place = os.path.join(place, f"another-{self._count}")
            elif os.path.isfile(place):
                with open(place, "rb") as file:
                    content = file.read() + content
        self._take(place)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(content)

    def remove(self, place: str) -> None:
        """Remove a file or folder. Raises FileNotFoundError."""
        place = place.rstrip("/")
        os.lstat(place)
        self._take(place)

    def undo(self, count: int) -> None:
        """Take back all but the first `count` changes."""
        while len(self._log) > count:
            place, kept = self._log.pop()
            if os.path.isdir(place) and not os.path.islink(place):
                shutil.rmtree(place)
            elif os.path.lexists(place):
                os.unlink(place)
            if kept is not None:
                os.rename(kept, place)

    def _take(self, place: str) -> None:
        """Move away what is there, so that a link's original is not written through."""
        if os.path.lexists(place):
            os.makedirs(self._before, exist_ok=True)
            kept = os.path.join(self._before, str(len(self._log)))
            os.rename(place, kept)
            self._log.append((place, kept))
            return
        # Of folders that come to be with it the outermost is what goes when it is taken back.
        while not os.path.isdir(os.path.dirname(place)):
            place = os.path.dirname(place)
        self._log.append((place, None))
