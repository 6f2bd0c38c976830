"""Keeps all events of a run beside its logs; what it cannot write costs the journal, never the build."""

import os
from collections.abc import Callable
from types import TracebackType
from typing import BinaryIO

from mlmake.history.past import ASKED
from mlmake.history.past import EVENTS as NAME
from mlmake.model.event import (
    Event,
    ModelsChanged,
    Outcome,
    OutputText,
    RunFinished,
    RunStarted,
    TargetFinished,
    Warned,
)
from mlmake.views.jsonl import line


class Journal:
    """Writes each event but the steps' output (that is in their logs) to `FOLDER/RUN/events.jsonl`.

    A run in which nothing happened leaves nothing behind. `asked` gives the document of what was asked for, which is
    laid beside the events; at the end it is asked again, because a build may find further instances. `trouble` is what
    went wrong, once it has; nothing is written from then on.
    """

    def __init__(self, folder: str, asked: Callable[[], bytes] | None = None) -> None:
        self._folder = folder
        self._asked, self._told = asked, b""
        self._file: BinaryIO | None = None
        self._run = ""
        self._held: list[Event] = []
        self.trouble: str | None = None

    def take(self, event: Event) -> None:
        """Write one event; all but targets that were skipped are there for others at once."""
        if self.trouble or isinstance(event, OutputText):
            return
        try:
            if isinstance(event, RunStarted):
                self.close()
                self._run, self._held, self._told = event.run, [event], b""
            elif self._file:
                self._write(event)
            elif isinstance(event, Warned | ModelsChanged) or _is_idle(event):
                self._held.append(event)
            elif self._run:
                self._open()
                self._write(event)
        except OSError as error:
            self.trouble = _lost(error)
            self.close()

    def _open(self) -> None:
        folder = os.path.join(self._folder, self._run)
        os.makedirs(folder, exist_ok=True)
        self._tell_asked()
        self._file = open(os.path.join(folder, NAME), "ab")  # noqa: SIM115 - kept open for the run
        for event in self._held:
            self._write(event)
        self._held.clear()

    def _write(self, event: Event) -> None:
        if self._file:
            self._file.write(line(event) + b"\n")
            if not (isinstance(event, TargetFinished) and event.outcome is Outcome.SKIPPED):
                self._file.flush()
            if isinstance(event, RunFinished):
                self._tell_asked()

    def _tell_asked(self) -> None:
        """Lay down what was asked for, if it is not there as it is now; another file is replaced as a whole."""
        told = self._asked() if self._asked else b""
        if told == self._told:
            return
        path = os.path.join(self._folder, self._run, ASKED)
        with open(f"{path}.new", "wb") as file:
            file.write(told)
        os.replace(f"{path}.new", path)
        self._told = told

    def close(self) -> None:
        """The run is over."""
        self._run = ""
        self._held.clear()
        file, self._file = self._file, None
        try:
            if file:
                file.close()
        except OSError as error:
            self.trouble = self.trouble or _lost(error)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _lost(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    return f"the events of this run are not kept: {place}{error.strerror}"


def _is_idle(event: Event) -> bool:
    """Whether it tells only that something was up to date."""
    match event:
        case TargetFinished():
            return event.outcome is Outcome.SKIPPED
        case RunFinished():
            return event.outcome == "ok"
        case _:
            return False
