"""`mlmake serve`: builds models and answers with them; it knows neither how a model is made nor how it answers."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError
from contextlib import closing
from threading import Event as Flag
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from mlmake.cli.ending import FAILED, MACHINE, WrongUse, say
from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, choosing, command, later
from mlmake.cli.tell import Teller, follow
from mlmake.model.event import ModelsChanged
from mlmake.model.graph import Serve
from mlmake.planning.request import nearest

if TYPE_CHECKING:
    from mlmake.app import App
    from mlmake.serving.server import Server

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@command("serve")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen here; elsewhere MLMAKE_TOKEN is wanted.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option("--no-build", is_flag=True, help="Serve what is there.")
@later("--watch", is_flag=True, help="Build and swap again whenever an input changes.")
@later("--open", is_flag=True, help="Open the dashboard.")
@choosing
def serve(
    settings: Settings, names: tuple[str, ...], host: str, port: int, no_build: bool, chosen: dict[str, Any]
) -> int:
    """Build models and answer with them.

    Without NAME, all that the Mlfile serves.
    """
    # Slow: the web server and what it stands on.
    from mlmake.serving.server import CannotListen, Server  # noqa: PLC0415

    with closing(Signals()) as signals, opened(settings, **chosen) as app:
        wanted = pick(list(app.graph.serves), names)
        try:
            server = Server(host, port, wanted, token=os.environ.get("MLMAKE_TOKEN") or None, root=app.root)
        except CannotListen as error:
            return say(str(error), MACHINE)
        try:
            if not settings.json:
                print(f"serving {', '.join(wanted)} at {server.url}", flush=True)
            if not no_build:
                words = [word for name in wanted for word in needs(app.graph.serves[name])]
                code = follow(
                    app.build(words),
                    settings=settings,
                    root=app.root,
                    runs_folder=app.runs_folder,
                    listen=app.listen,
                    asked=lambda: app.asked(sys.argv[1:]),
                )
                if code > FAILED:
                    return code
            return answer(app, server, wanted, settings, signals=signals)
        finally:
            server.stop()


def answer(app: "App", server: "Server", names: Sequence[str], settings: Settings, *, signals: "Signals") -> int:
    """Let what is there go live and answer until a signal comes; gives the exit code."""
    teller = Teller(settings, root=app.root)
    answering = 0
    for name in names:
        release = app.release(name)
        if release is None:
            say(f"{name}: there is no model yet; see `mlmake status`", FAILED)
            continue
        try:
            live = server.release(release).result()
        except CancelledError:
            break
        except Exception as error:
            # A model that cannot be loaded may raise anything; the others go on answering.
            say(f"{name}: {error}", FAILED)
            continue
        answering += 1
        teller.take(ModelsChanged(time.time(), name, live))
    return signals.wait() if answering else FAILED


class Signals:
    """The first SIGINT, SIGTERM or SIGHUP from now on, instead of dying of it; to be used in the main thread."""

    def __init__(self) -> None:
        self._flag = Flag()
        self._number = 0
        self._former = {number: signal.signal(number, self._come) for number in SIGNALS}

    def _come(self, number: int, frame: FrameType | None) -> None:
        self._number = self._number or number
        self._flag.set()

    def wait(self) -> int:
        """Wait for it; gives the exit code that tells of it."""
        self._flag.wait()
        return 128 + self._number

    def close(self) -> None:
        """Put the former handlers back."""
        for number, handler in self._former.items():
            signal.signal(number, handler)


def pick(served: Sequence[str], names: Sequence[str]) -> list[str]:
    """The names to serve, all if none is given. Raises `WrongUse`."""
    if not served:
        raise WrongUse("the Mlfile serves nothing: add a table [serve.NAME] with `models`")
    for name in names:
        if name not in served:
            meant = nearest(name, served)
            hint = f"did you mean `{meant}`?" if meant else f"there is {', '.join(served)}"
            raise WrongUse(f"there is no [serve.{name}]; {hint}")
    return list(dict.fromkeys(names)) or list(served)


def needs(serve: Serve) -> list[str]:
    """The actions to build for a name."""
    candidates = [candidate.action for candidate in serve.candidates]
    return [serve.selected_by] if serve.selected_by else list(dict.fromkeys(candidates))
