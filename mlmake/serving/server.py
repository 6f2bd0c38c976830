"""Listens, and lets releases go live beside the requests; it does not know who builds them."""

import asyncio
import ipaddress
import os
import socket
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from typing import TypeAlias

import uvicorn
import uvloop

from mlmake.model.release import Release
from mlmake.ports import ContentStore
from mlmake.serving.app import App, Guard
from mlmake.serving.connection import IDLE_TIME, Connection
from mlmake.serving.generation import Stage
from mlmake.serving.nursery import PATIENCE, Nursery
from mlmake.serving.releasing import Releaser, Swap
from mlmake.serving.worker import Worker

DRAIN = 10
"""Seconds that requests in flight get to finish."""

LAST_MOMENT = 1.0
"""Seconds more until the server counts as stopped, whatever still hangs in it."""

Swapped: TypeAlias = "Future[Swap]"
"""What is live after a release."""


class CannotListen(Exception):
    """There is no listening at this address; the message has place, cause and mend."""


class Server:
    """Answers from the moment it is made until `stop`; at first with 503, for nothing has been released.

    Port 0 is a free one. `serves` are the names that may be released. Where others can reach it, it wants a token for
    all but prediction and health. `root` is where models find the project's own modules, `store` where their bytes are
    once they are no longer where the build made them. With `trying` each model is first loaded in a process of its own,
    for at most `patience` seconds. Raises `CannotListen`. Every method may be called from any thread.
    """

    def __init__(
        self,
        host: str,
        port: int,
        serves: Iterable[str],
        *,
        token: str | None = None,
        root: str | None = None,
        store: ContentStore | None = None,
        trying: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        if not token and not is_loopback(host):
            raise CannotListen(
                f"{host} can be reached by others: set MLMAKE_TOKEN to a secret that is then asked for, "
                "or listen on 127.0.0.1"
            )
        self._socket = listen(host, port)
        if root is not None and root not in sys.path:
            # Last: a module of the project must not stand in for one that the server needs itself.
            sys.path.append(root)
        self._stage = Stage(serves)
        self._nursery = Nursery(root, patience=patience) if trying else None
        if self._nursery is not None:
            self._nursery.start()
        self._releaser = Releaser(self._stage, store=store, nursery=self._nursery)
        # One thread: releases go live in the order they came in.
        self._releasing = Worker("release")
        self._app = App(self._stage, Guard(names_of(host), None if is_loopback(host) else token))
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                self._app,
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=int(IDLE_TIME),
                timeout_graceful_shutdown=DRAIN,
            )
        )
        address = self._socket.getsockname()
        self.url = f"http://[{address[0]}]:{address[1]}" if ":" in address[0] else f"http://{address[0]}:{address[1]}"
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="serve", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """In the thread of the loop: answer until told to stop."""
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._uvicorn.serve([self._socket]))

    def release(self, release: Release) -> Swapped:
        """Load these models beside the live ones, then swap as a whole; at once, the loading goes on elsewhere.

        Raises KeyError for a name that is not served.
        """
        self._stage.current(release.serve)
        return self._releasing.submit(lambda: self._releaser.go_live(release))

    def tell(self, line: bytes, *, first: bool = False) -> None:
        """Tell who listens to events one more, a line of JSON; `first` is the first of a run."""
        if self._thread.is_alive() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: self._app.stream.tell(line, first=first))

    def is_live(self, serve: str) -> bool:
        """Whether a model answers under this name."""
        return self._stage.current(serve) is not None

    def stop(self) -> None:
        """Take no new connections, let requests in flight finish, close all. Returns when done; twice is once."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._app.stop)
        self._uvicorn.should_exit = True
        self._thread.join(DRAIN + LAST_MOMENT)
        self._releasing.close()
        if self._nursery is not None:
            self._nursery.close()
        self._app.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `CannotListen`."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except (OSError, OverflowError, UnicodeError) as error:
        cause = os.strerror(error.errno) if isinstance(error, OSError) and error.errno and error.errno > 0 else error
        raise CannotListen(f"cannot listen on {host}:{port}: {cause}; --port 0 takes a free one") from error


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def names_of(host: str) -> frozenset[str] | None:
    """The names under which a server here is meant to be called; none: any, where it is open to others."""
    return frozenset({"127.0.0.1", "localhost", "::1", host.lower()}) if is_loopback(host) else None
