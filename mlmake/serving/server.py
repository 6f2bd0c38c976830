"""Listens, and lets releases go live beside the requests; it does not know who builds them."""

import ipaddress
import os
import socket
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

import uvicorn

from mlmake.model.event import LiveModel
from mlmake.model.release import Release
from mlmake.serving.app import App, Guard
from mlmake.serving.generation import Stage, prepare

DRAIN = 10
"""Seconds that requests in flight get to finish."""

Swapped: TypeAlias = "Future[tuple[LiveModel, ...]]"
"""What is live after a release; its exception is `Refused` if the live set stayed as it was."""


class CannotListen(Exception):
    """There is no listening at this address; the message has place, cause and mend."""


class Server:
    """Answers from the moment it is made until `stop`; at first with 503, for nothing has been released.

    Port 0 is a free one. `serves` are the names that may be released. Where others can reach it, it wants a token for
    all but prediction and health. `root` is where models find the project's own modules. Raises `CannotListen`.
    Every method may be called from any thread.
    """

    def __init__(
        self, host: str, port: int, serves: Iterable[str], *, token: str | None = None, root: str | None = None
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
        # One thread each: answers do not compete for the processors, releases go live in the order they came in.
        self._predictor = ThreadPoolExecutor(1, "predict")
        self._releaser = ThreadPoolExecutor(1, "release")
        app = App(self._stage, self._predictor, Guard(names_of(host), None if is_loopback(host) else token))
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                app,
                loop="uvloop",
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=DRAIN,
            )
        )
        address = self._socket.getsockname()
        self.url = f"http://[{address[0]}]:{address[1]}" if ":" in address[0] else f"http://{address[0]}:{address[1]}"
        self._thread = threading.Thread(target=self._uvicorn.run, args=([self._socket],), name="serve", daemon=True)
        self._thread.start()

    def release(self, release: Release) -> Swapped:
        """Load these models beside the live ones, then swap as a whole; at once, the loading goes on elsewhere.

        Raises KeyError for a name that is not served.
        """
        self._stage.current(release.serve)
        return self._releaser.submit(self._go_live, release)

    def _go_live(self, release: Release) -> tuple[LiveModel, ...]:
        """In the releaser's thread: prepare and swap."""
        generation = prepare(release, self._stage.current(release.serve))
        self._stage.swap(generation)
        return generation.live

    def stop(self) -> None:
        """Take no new connections, let requests in flight finish, close all. Returns when done; twice is once."""
        self._uvicorn.should_exit = True
        self._thread.join()
        self._releaser.shutdown(cancel_futures=True)
        self._predictor.shutdown()


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
