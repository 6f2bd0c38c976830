"""Follows a build for the user: picks the views, keeps the journal, gives the exit code; it decides nothing of it."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from mlmake.cli.ending import FAILED, INTERRUPTED, NOT_UP_TO_DATE, bug, hush
from mlmake.cli.settings import Settings
from mlmake.executors.log import tail
from mlmake.model.event import Event, Hashing, RunFinished, TargetStarted
from mlmake.model.units import show_bytes
from mlmake.views.journal import Journal
from mlmake.views.jsonl import line
from mlmake.views.plain import Plain
from mlmake.views.screen import printable

if TYPE_CHECKING:
    from mlmake.views.live import Live

LINES_OF_LOG = 50
"""Lines of a failed step's log that are shown."""


class Teller:
    """Shows events by the views that the settings and the terminal ask for. No view can fail the build.

    The step of the instance `foreground` will have the terminal for itself: nothing is redrawn then.
    """

    def __init__(self, settings: Settings, *, root: str, foreground: str | None = None) -> None:
        self._foreground = foreground
        self._json = settings.json
        self._screen = settings.screen(sys.stderr)
        self._root = root
        self._quiet = settings.quiet
        self._plain = Plain(
            self._screen,
            tail=self._last_lines,
            verbose=settings.verbose > 0,
            quiet=settings.quiet,
        )
        self._may_live = not settings.quiet and not settings.json and foreground is None and moves(sys.stderr)
        self._live: Live | None = None
        self._before: list[Event] = []
        self._gone = False
        self._hashed: set[str] = set()

    def take(self, event: Event) -> None:
        """Show one event."""
        if self._gone:
            return
        try:
            if self._json:
                sys.stdout.buffer.write(line(event) + b"\n")
                sys.stdout.buffer.flush()
            elif self._live:
                self._live.take(event)
                if isinstance(event, RunFinished):
                    self.close()
            elif self._may_live and isinstance(event, TargetStarted):
                self._go_live(event)
            elif isinstance(event, Hashing):
                self._tell_hashing(event)
            else:
                self._before.append(event)
                for text in self._plain.lines(event):
                    sys.stderr.write(text + "\n")
                if isinstance(event, TargetStarted) and event.instance == self._foreground:
                    self._tell_debugging(event.instance)
        except OSError:
            self._gone = True
            hush()
        except Exception as error:
            self._gone = True
            bug(error)

    def close(self) -> None:
        """Give the terminal back."""
        live, self._live = self._live, None
        if live:
            try:
                live.__exit__(None, None, None)
            except OSError:
                self._gone = True
                hush()

    def _tell_debugging(self, instance: str) -> None:
        if not self._quiet:
            sys.stderr.write(f"{printable(instance)} runs in the foreground; Ctrl-C goes to it\n")
        sys.stdout.flush()
        sys.stderr.flush()

    def _tell_hashing(self, event: Hashing) -> None:
        """Before anything runs: a line that is redrawn on a terminal, elsewhere one line a file."""
        if self._may_live:
            share = f"hashing {printable(event.path)}: {event.done * 100 // max(1, event.total)} %"
            sys.stderr.write("\r\x1b[K" + (share if event.done < event.total else ""))
            sys.stderr.flush()
        elif event.path not in self._hashed and not self._quiet:
            self._hashed.add(event.path)
            sys.stderr.write(f"hashing {printable(event.path)}, {show_bytes(event.total)}\n")

    def _go_live(self, event: Event) -> None:
        # Slow, and only once something runs on a terminal.
        from rich.console import Console  # noqa: PLC0415

        from mlmake.views.live import Live  # noqa: PLC0415

        console = Console(
            file=sys.stderr,
            force_terminal=True,
            color_system="standard" if self._screen.colour else None,
            highlight=False,
            emoji=False,
            markup=False,
        )
        self._live = Live(console, self._screen, self._plain, clock=time.time)
        self._live.catch_up(self._before)
        self._before.clear()
        self._live.__enter__()
        self._live.take(event)

    def _last_lines(self, path: str) -> Sequence[str] | None:
        try:
            return tail(os.path.join(self._root, path), LINES_OF_LOG)
        except FileNotFoundError:
            return None
        except OSError as error:
            return (f"its log cannot be read: {error.filename}: {error.strerror}",)


class Audience:
    """The journal, the screen and who else listens: each hears every event, and one event after another.

    `asked` gives what the journal keeps of what was asked for.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        root: str,
        runs_folder: str,
        foreground: str | None = None,
        asked: Callable[[], bytes] | None = None,
        also: Callable[[Event], None] | None = None,
    ) -> None:
        self._settings = settings
        self._teller = Teller(settings, root=root, foreground=foreground)
        self._journal = Journal(runs_folder, asked)
        self._also = also
        # What goes live meanwhile is told by another thread than what is built.
        self._turn = Lock()

    def take(self, event: Event) -> None:
        """Tell one event. Any thread may."""
        with self._turn:
            self._journal.take(event)
            self._teller.take(event)
            if self._also is not None:
                self._also(event)

    def show(self, event: Event) -> None:
        """Show what nobody keeps, such as how far something has come. Any thread may."""
        with self._turn:
            self._teller.take(event)

    def __enter__(self) -> "Audience":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._teller.close()
        self._journal.close()
        if self._journal.trouble and not self._settings.quiet:
            sys.stderr.write(f"warning: {self._journal.trouble}\n")


def follow(
    events: Iterable[Event],
    *,
    settings: Settings,
    root: str,
    runs_folder: str,
    listen: Callable[[Callable[[Event], None]], object] | None = None,
    foreground: str | None = None,
    asked: Callable[[], bytes] | None = None,
) -> int:
    """Show a build to its end and give the exit code for how it went.

    `listen` takes who hears what cannot wait; `asked` gives what the journal keeps of what was asked for.
    """
    end: RunFinished | None = None
    with Audience(settings, root=root, runs_folder=runs_folder, foreground=foreground, asked=asked) as audience:
        if listen:
            listen(audience.show)
        for event in events:
            audience.take(event)
            if isinstance(event, RunFinished):
                end = event
    return exit_code(end)


def exit_code(end: RunFinished | None) -> int:
    """The exit code for how a run ended; without an end it was interrupted before it began."""
    if end is None:
        return INTERRUPTED
    match end.outcome:
        case "ok":
            return 0
        case "not-up-to-date":
            return NOT_UP_TO_DATE
        case "interrupted":
            return 128 + end.signal if end.signal else INTERRUPTED
        case _:
            return FAILED


def moves(stream: object) -> bool:
    """Whether a stream is a terminal on which lines can be redrawn."""
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty()) and os.environ.get("TERM", "dumb") != "dumb"
