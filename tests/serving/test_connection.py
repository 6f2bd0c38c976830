import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from mlmake.serving.connection import Connection
from mlmake.serving.server import Server

ASKED = b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with no time to lose."""
    monkeypatch.setattr(Connection, "header_time", 0.2)
    monkeypatch.setattr(Connection, "body_time", 0.2)
    server = Server("127.0.0.1", 0, ["tagger"])
    yield server
    server.stop()


def connect(server: Server) -> socket.socket:
    place = urlsplit(server.url)
    return socket.create_connection((place.hostname, place.port), timeout=30)


def read_all(raw: socket.socket) -> bytes:
    told = b""
    while piece := raw.recv(65536):
        told += piece
    return told


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        (b"", "the header"),
        (b"GET /v2/heal", "the header"),
        (b"\r\n", "the header"),
        (b"POST /v2/models/tagger/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{", "the body"),
    ],
)
def test_who_is_too_slow_is_told_and_sent_away(hasty: Server, sent: bytes, what: str) -> None:
    with connect(hasty) as raw:
        raw.sendall(sent)
        told = read_all(raw).rpartition(b"HTTP/1.1 ")[2]
    assert told.startswith(b"408 ")
    assert json.loads(told.partition(b"\r\n\r\n")[2]) == {"error": f"{what} of the request did not come within 0.2 s"}


def test_who_sends_too_much_header_is_sent_away(server: Server) -> None:
    with connect(server) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000)
        assert raw.recv(100).startswith(b"HTTP/1.1 431 ")


def test_a_request_that_comes_after_the_stop_on_an_open_connection_is_answered(server: Server) -> None:
    with connect(server) as raw:
        raw.sendall(ASKED)
        assert raw.recv(1000).startswith(b"HTTP/1.1 200 ")
        # The loop stands still between the stop and its next turn, so this is under way when it hears of it.
        server._loop.call_soon_threadsafe(lambda: (setattr(server._uvicorn, "should_exit", True), raw.sendall(ASKED)))
        assert read_all(raw).startswith(b"HTTP/1.1 200 ")
