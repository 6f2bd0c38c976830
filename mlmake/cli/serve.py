"""`mlmake serve`: builds models and answers with them; it knows neither how a model is made nor how it answers."""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextlib import closing
from threading import Event as Flag
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from mlmake.cli.ending import FAILED, MACHINE, WrongUse, say
from mlmake.cli.project import opened
from mlmake.cli.settings import Settings, choosing, command, later
from mlmake.cli.tell import Audience, exit_code
from mlmake.model.event import Event, ModelsChanged, Outcome, RunFinished, RunStarted, TargetFinished, Warned
from mlmake.model.graph import Serve
from mlmake.model.release import Release
from mlmake.planning.request import nearest
from mlmake.views.jsonl import line

if TYPE_CHECKING:
    from mlmake.app import App
    from mlmake.serving.server import Server, Swapped

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

NEW = frozenset({Outcome.RAN, Outcome.RESTORED, Outcome.STALE})
"""Outcomes after which something else may have to be served."""

SLICE = 0.2
"""Seconds after which a signal is looked for that came while models load."""


@command("serve")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen here; elsewhere MLMAKE_TOKEN is wanted.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option("--no-build", is_flag=True, help="Serve what is there.")
@click.option("--open", "browse", is_flag=True, help="Open what is served in the browser.")
@later("--watch", is_flag=True, help="Build and swap again whenever an input changes.")
@choosing
def serve(
    settings: Settings,
    names: tuple[str, ...],
    host: str,
    port: int,
    no_build: bool,
    browse: bool,
    chosen: dict[str, Any],
) -> int:
    """Build models and answer with them, from the first one that is ready.

    Without NAME, all that the Mlfile serves.
    """
    # Slow: the web server and what it stands on.
    from mlmake.serving.server import CannotListen, Server  # noqa: PLC0415

    with closing(Signals()) as signals, opened(settings, **chosen) as app:
        wanted = pick(list(app.graph.serves), names)
        token = os.environ.get("MLMAKE_TOKEN") or None
        try:
            server = Server(host, port, wanted, token=token, root=app.root, store=app.store, trying=True)
        except CannotListen as error:
            return say(str(error), MACHINE)
        try:
            # Where events go to stdout, and only they.
            stream = sys.stderr if settings.json else sys.stdout
            print(f"serving {', '.join(wanted)} at {server.url}", file=stream, flush=True)
            if browse:
                open_page(server.url)
            return build_and_serve(app, server, wanted, settings, signals=signals, build=not no_build)
        finally:
            server.stop()


def build_and_serve(
    app: "App", server: "Server", names: Sequence[str], settings: Settings, *, signals: "Signals", build: bool
) -> int:
    """Let go live what is there, then what is built, and answer until a signal comes; gives the exit code."""
    audience = Audience(
        settings,
        root=app.root,
        runs_folder=app.runs_folder,
        asked=lambda: app.asked(sys.argv[1:]),
        also=lambda event: server.tell(line(event), first=isinstance(event, RunStarted)),
    )
    with audience:
        signals.forward(app.interrupt)
        live = Live(app, server, names, tell=audience.take)
        live.take_all()
        live.settle(signals)
        if build and not signals.came:
            app.listen(audience.show)
            code = follow(app, [word for name in names for word in needs(app.graph.serves[name])], audience, live)
            if code > FAILED:
                return code
            live.settle(signals)
        if signals.came:
            return signals.wait()
        for name in names:
            if not server.is_live(name):
                say(f"{name}: there is no model yet; see `mlmake status`", FAILED)
        return signals.wait() if any(map(server.is_live, names)) else FAILED


def follow(app: "App", words: Sequence[str], audience: Audience, live: "Live") -> int:
    """Build, tell it and let go live what comes of it; gives the exit code of the build."""
    end: RunFinished | None = None
    # A signal that comes between the last event and the end of the build would be lost among its messages.
    with closing(app.build(words, signals=False)) as events:
        for event in events:
            audience.take(event)
            live.take(event)
            if isinstance(event, RunFinished):
                end = event
    return exit_code(end)


class Live:
    """Lets go live what the build's own events say is there; `tell` hears what has, and what was refused."""

    def __init__(self, app: "App", server: "Server", names: Sequence[str], *, tell: Callable[[Event], None]) -> None:
        self._app, self._server, self._names, self._tell = app, server, names, tell
        self._last: dict[str, Release] = {}
        self._loading: list[Swapped] = []

    def take(self, event: Event) -> None:
        """An event of the build, as soon as it is told: what it tells is recorded."""
        if isinstance(event, TargetFinished) and event.outcome in NEW:
            for name in self._names:
                if event.instance in needs(self._app.graph.serves[name]):
                    self._offer(name)
        elif isinstance(event, RunFinished):
            self.take_all()

    def take_all(self) -> None:
        """What is there now of all that is served."""
        for name in self._names:
            self._offer(name)

    def settle(self, signals: "Signals") -> None:
        """Wait until all that was offered is live or refused, or a signal has come."""
        while self._loading and not signals.came:
            self._loading = list(wait_for(self._loading, timeout=SLICE).not_done)

    def _offer(self, name: str) -> None:
        release = self._app.release(name)
        if release is None or release == self._last.get(name):
            return
        self._last[name] = release
        self._app.hold(release)
        loading = self._server.release(release)
        # Told before it counts as done: who waits for it finds it told.
        loading.add_done_callback(lambda done: self._tell_swap(name, done))
        self._loading = [other for other in self._loading if not other.done()] + [loading]

    def _tell_swap(self, name: str, done: "Future[Any]") -> None:
        error = done.exception()
        if error is not None:
            self._tell(Warned(time.time(), "", f"{name}: {type(error).__name__}: {error}"))
            return
        swap = done.result()
        for text in swap.refused:
            self._tell(Warned(time.time(), "", f"{name}: {text}"))
        if swap.changed:
            self._tell(ModelsChanged(time.time(), name, swap.live))


class Signals:
    """The first SIGINT, SIGTERM or SIGHUP from now on, instead of dying of it; to be used in the main thread."""

    def __init__(self) -> None:
        self._flag = Flag()
        self._number = 0
        self._hear: Callable[[int], None] = lambda number: None
        # What `nohup` has the process ignore stays ignored.
        kept = [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
        self._former = {number: signal.signal(number, self._come) for number in kept}

    def _come(self, number: int, frame: FrameType | None) -> None:
        self._number = self._number or number
        self._flag.set()
        self._hear(number)

    def forward(self, hear: Callable[[int], None]) -> None:
        """Tell each that comes from now on, and the one that has come."""
        self._hear = hear
        if self.came:
            hear(self._number)

    @property
    def came(self) -> bool:
        """Whether there was one."""
        return self._flag.is_set()

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


def open_page(url: str) -> None:
    """Show a page in the user's browser."""
    # Slow, and rarely wanted.
    import webbrowser  # noqa: PLC0415

    if not webbrowser.open(url):
        say(f"no browser was found; the page is {url}", FAILED)
