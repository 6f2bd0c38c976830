import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from mlmake.serving.server import Server


def listen(server: Server, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    connection.request("GET", "/api/events", headers={"Last-Event-ID": headers.get("after", "")})
    return connection.getresponse()


def read(stream: http.client.HTTPResponse, count: int) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    number = 0
    while len(found) < count:
        line = stream.readline()
        assert line, "the stream has ended"
        if line.startswith(b"id: "):
            number = int(line[4:])
        if line.startswith(b"data: "):
            found.append((number, json.loads(line[6:])))
    return found


def test_who_comes_late_hears_the_present_run_from_its_beginning(server: Server) -> None:
    for number in range(3):
        server.tell(b'{"n":%d}' % number, first=number == 1)
    stream = listen(server)
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert read(stream, 2) == [(2, {"n": 1}), (3, {"n": 2})]
    server.tell(b'{"n":3}')
    assert read(stream, 1) == [(4, {"n": 3})]


def test_who_was_cut_off_goes_on_where_it_was(server: Server) -> None:
    for number in range(3):
        server.tell(b'{"n":%d}' % number)
    assert read(listen(server, after="2"), 1) == [(3, {"n": 2})]
    # A number that this server has not come to is that of another one.
    assert read(listen(server, after="99"), 3)[0] == (1, {"n": 0})
    assert read(listen(server, after="x"), 3)[0] == (1, {"n": 0})


def test_streams_close_first_when_the_server_stops(server: Server) -> None:
    stream = listen(server)
    stream.readline()
    server.stop()
    assert stream.read() == b"\n"


def test_a_listener_that_goes_hurts_nobody(server: Server) -> None:
    gone, stays = listen(server), listen(server)
    gone.close()
    for number in range(100):
        server.tell(b'{"n":%d}' % number)
    assert len(read(stays, 100)) == 100


def test_only_get_is_for_events(server: Server) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    connection.request("POST", "/api/events", b"")
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())) == (405, {"error": "POST is not for /api/events; use GET"})
