"""The project a command works on, opened by what its options say; it does not know what the command does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlmake.cli.settings import Settings
from mlmake.views.screen import printable

if TYPE_CHECKING:
    from mlmake.app import App


@contextmanager
def opened(settings: Settings, **chosen: Any) -> "Iterator[App]":
    """The project, its notices told on stderr; `chosen` are further fields of `Choices`."""
    # Slow: everything there is; `init` and `completion` do without.
    from mlmake.app import App, Choices  # noqa: PLC0415

    choices = Choices(directory=settings.directory, file=settings.file, verbose=settings.verbose, **chosen)
    app = App.open(choices)
    app.tell_waiting = lambda text: _say(f"{text}: waiting for it to end", settings)
    told = 0
    try:
        told = _tell(app.notices, settings)
        yield app
    finally:
        _tell(app.notices[told:], settings)
        app.close()


def _tell(notices: list[str], settings: Settings) -> int:
    for notice in notices:
        _say(notice, settings)
    return len(notices)


def _say(notice: str, settings: Settings) -> None:
    screen = settings.screen(sys.stderr)
    sys.stderr.write(f"{screen.paint('notice', 'warn')}: {printable(notice)}\n")
    sys.stderr.flush()
