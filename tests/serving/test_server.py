import gc
import http.client
import json
import os
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from xxhash import xxh3_128_hexdigest

from mlmake.model.digest import Digest
from mlmake.model.event import LiveModel
from mlmake.model.release import Release, ReleasedModel
from mlmake.serving.app import LARGEST_BODY, Guard, Refusal, check_guard
from mlmake.serving.ensemble import Member
from mlmake.serving.server import CannotListen, Server

Fit = Callable[..., LogisticRegression]
Store = Callable[..., ReleasedModel]

INFER = "/v2/models/tagger/infer"
JSON = {"Content-Type": "application/json"}


def question(rows: np.ndarray, **rest: Any) -> bytes:
    tensor = {"name": "input", "datatype": "FP64", "shape": list(rows.shape), "data": rows.ravel().tolist()}
    return json.dumps({"inputs": [tensor], **rest}).encode()


class Client:
    """One keep-alive connection."""

    def __init__(self, server: Server) -> None:
        self.connection = http.client.HTTPConnection(str(urlsplit(server.url).netloc), timeout=30)

    def ask(
        self, path: str, body: bytes | None = None, headers: dict[str, str] = JSON, method: str | None = None
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        self.connection.request(method or ("GET" if body is None else "POST"), path, body, headers)
        response = self.connection.getresponse()
        assert response.headers["content-type"] == "application/json"
        return response.status, json.loads(response.read()), response.headers


@pytest.fixture
def client(server: Server) -> Client:
    return Client(server)


def test_up_at_once_and_ready_with_the_first_model(
    server: Server, client: Client, store: Store, classifier: Fit
) -> None:
    assert client.ask("/v2/health/live")[:2] == (200, {"live": True})
    assert client.ask("/v2/health/ready")[:2] == (503, {"error": "not ready: no model has been built and loaded yet"})
    waiting = {"error": "model 'tagger' is not ready: none of its models has been built and loaded yet"}
    for path, body in ((INFER, b"{}"), ("/v2/models/tagger", None), ("/v2/models/tagger/ready", None)):
        assert client.ask(path, body)[:2] == (503, waiting)
    model = store("train", classifier())
    assert server.release(Release("tagger", (model,))).result().live == (LiveModel("train", model.digest, 1),)
    assert client.ask("/v2/health/ready")[:2] == (200, {"ready": True})
    assert client.ask("/v2/models/tagger/ready")[:2] == (200, {"name": "tagger", "ready": True})
    assert client.ask("/v2/models/other/ready")[0] == 503


def test_an_answer_names_its_models_and_is_reproduced_offline(
    server: Server, client: Client, store: Store, classifier: Fit, rows: np.ndarray
) -> None:
    forest = RandomForestClassifier(5, n_jobs=2, random_state=0).fit(rows, np.resize([0, 1, 2], len(rows)))
    one, two = store("train@algo=forest", forest, 1), store("train@algo=logreg", classifier(2), 2)
    server.release(Release("tagger", (one, two))).result()
    status, answer, headers = client.ask(INFER, question(rows, id="mine"))
    named = f"train@algo=forest:{one.digest} train@algo=logreg:{two.digest}"
    assert status == 200
    assert headers["x-mlmake-models"] == answer["parameters"]["models"] == named
    assert (answer["model_name"], answer["id"]) == ("tagger", "mine")
    outputs = {output["name"]: output for output in answer["outputs"]}
    offline = np.mean([joblib.load(model.path).predict_proba(rows) for model in (one, two)], axis=0)
    assert outputs["probabilities"]["data"] == offline.ravel().tolist()
    assert outputs["predict"]["data"] == offline.argmax(axis=1).tolist()


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json; charset=utf-8"])
def test_a_client_that_names_no_type_of_its_own_is_answered(
    server: Server, client: Client, store: Store, classifier: Fit, rows: np.ndarray, kind: str
) -> None:
    server.release(Release("tagger", (store("train", classifier()),))).result()
    assert client.ask(INFER, question(rows), {"Content-Type": kind})[0] == 200


def test_metadata_and_versions(server: Server, client: Client, store: Store, classifier: Fit, rows: np.ndarray) -> None:
    assert client.ask("/v2")[1]["name"] == "mlmake"
    server.release(Release("tagger", (store("train", classifier()),))).result()
    metadata = client.ask("/v2/models/tagger")[1]
    (version,) = metadata["versions"]
    assert metadata["inputs"] == [{"name": "input", "datatype": "FP64", "shape": [-1, 4]}]
    assert client.ask(f"/v2/models/tagger/versions/{version}")[1] == metadata
    assert client.ask(f"/v2/models/tagger/versions/{version}/ready")[0] == 200
    assert client.ask(f"/v2/models/tagger/versions/{version}/infer", question(rows))[1]["model_version"] == version
    gone = (404, {"error": f"no version 'x' of model 'tagger'; live is {version}"})
    assert client.ask("/v2/models/tagger/versions/x")[:2] == gone
    assert client.ask("/v2/models/tagger/versions/x/infer", question(rows))[:2] == gone


@pytest.mark.parametrize(
    ("path", "body", "headers", "method", "status", "message"),
    [
        ("/nope", None, {}, None, 404, "nothing at /nope; see /v2"),
        ("/v2/models/x", None, {}, None, 404, "no model 'x'; there is tagger, other"),
        ("/v2/models/x/infer", b"{}", JSON, None, 404, "no model 'x'; there is tagger, other"),
        (INFER, None, {}, "GET", 405, f"GET is not for {INFER}; use POST"),
        ("/v2", b"", {}, "POST", 405, "POST is not for /v2; use GET, HEAD"),
        (INFER, b"{}", JSON, None, 400, "inputs: missing"),
        (INFER, b"a", {"Content-Type": "a/b"}, None, 415, "Content-Type: 'a/b' instead of 'application/json'"),
        (INFER, b"{}", {**JSON, "Content-Encoding": "gzip"}, None, 415, "Content-Encoding: send the body as it is"),
        (
            INFER,
            b"{}",
            {"Inference-Header-Content-Length": "2"},
            None,
            415,
            "Inference-Header-Content-Length: the binary tensor extension is not yet built; send JSON",
        ),
        (
            "/v2",
            None,
            {"Host": "evil.example:80"},
            None,
            400,
            "Host: 'evil.example:80' is no name of this server; it is 127.0.0.1, ::1, localhost",
        ),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(
    server: Server, client: Client, store: Store, classifier: Fit, rows: np.ndarray,
    path: str, body: bytes | None, headers: dict[str, str], method: str | None, status: int, message: str,
) -> None:  # fmt: skip
    server.release(Release("tagger", (store("train", classifier()),))).result()
    assert client.ask(path, body, headers, method)[:2] == (status, {"error": message})
    # The connection is still good.
    assert client.ask(INFER, question(rows))[0] == 200


def test_no_content_type_and_a_charset_are_json(
    server: Server, client: Client, store: Store, classifier: Fit, rows: np.ndarray
) -> None:
    server.release(Release("tagger", (store("train", classifier()),))).result()
    for headers in ({}, {"Content-Type": "application/json; charset=utf-8"}, {"Host": "localhost:1"}):
        assert client.ask(INFER, question(rows), headers)[0] == 200


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_too_large_is_refused_whole(
    server: Server, client: Client, store: Store, classifier: Fit, connection: str, chunked: bool
) -> None:
    server.release(Release("tagger", (store("train", classifier()),))).result()
    huge: Any = iter([b"1" * 2**20] * 40) if chunked else b"1" * (5 * LARGEST_BODY)
    status, answer, _ = client.ask(INFER, huge, {**JSON, "Connection": connection})
    assert (status, answer) == (
        413,
        {"error": f"the body is larger than {LARGEST_BODY} bytes; send fewer rows at once"},
    )


def test_a_body_just_small_enough_is_read(server: Server, client: Client, store: Store, classifier: Fit) -> None:
    server.release(Release("tagger", (store("train", classifier()),))).result()
    status, answer, _ = client.ask(INFER, b"[" + b" " * (LARGEST_BODY - 2) + b"]")
    assert (status, answer) == (400, {"error": "body: [] is not an object"})


def test_a_refused_release_leaves_the_live_set(
    server: Server, client: Client, store: Store, classifier: Fit, rows: np.ndarray
) -> None:
    good = store("train", classifier())
    server.release(Release("tagger", (good,))).result()
    for wrong in (
        Release("tagger", (good, store("odd", classifier(1, (5, 6))))),
        Release("tagger", (ReleasedModel("gone", "/nonexistent.pkl", good.digest, 1),)),
        Release("tagger", ()),
    ):
        assert not server.release(wrong).result().changed
        assert client.ask(INFER, question(rows))[2]["x-mlmake-models"] == f"train:{good.digest}"
    assert client.ask("/v2/health/ready")[0] == 200
    with pytest.raises(KeyError):
        server.release(Release("unknown", (good,)))


class Moody(LogisticRegression):
    """Fails on rows that begin with 13."""

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        if rows[0][0] == 13:
            raise RuntimeError("no")
        return super().predict_proba(rows)


def test_models_find_the_modules_of_the_project(tmp_path: Path, rows: np.ndarray) -> None:
    (tmp_path / "own_model.py").write_text(
        "class Sum:\n    def predict(self, rows):\n        return rows.sum(axis=1)\n"
    )
    content = b"cown_model\nSum\n(tR."
    (tmp_path / "model.pkl").write_bytes(content)
    model = ReleasedModel("train", str(tmp_path / "model.pkl"), Digest(xxh3_128_hexdigest(content)), 1)
    before = list(sys.path)
    with closing_server(Server("127.0.0.1", 0, ["tagger"], root=str(tmp_path))) as server:
        try:
            server.release(Release("tagger", (model,))).result()
            answer = Client(server).ask(INFER, question(rows[:2]))[1]
            assert answer["outputs"][0]["data"] == rows[:2].sum(axis=1).tolist()
            assert sys.path == [*before, str(tmp_path)]
        finally:
            sys.path[:] = before
            sys.modules.pop("own_model", None)


def test_a_model_that_raises_fails_that_request_only(
    server: Server, client: Client, store: Store, rows: np.ndarray
) -> None:
    model = store("train", Moody().fit(rows, np.resize([0, 1], len(rows))))
    server.release(Release("tagger", (model,))).result()
    status, answer, _ = client.ask(INFER, question(np.full((1, 4), 13.0)))
    assert (status, answer["error"]) == (500, f"the model failed: RuntimeError: no (train:{model.digest})")
    assert client.ask(INFER, question(rows))[0] == 200


def test_swaps_under_load_lose_nothing_and_mix_nothing(
    server: Server, store: Store, classifier: Fit, rows: np.ndarray
) -> None:
    """Eight connections ask while four releases, no model in two of them, follow one another 40 times."""
    releases, offline = [], {}
    for number in range(4):
        models = tuple(store(f"m{number}{rank}", classifier(10 * number + rank), rank) for rank in (1, 2))
        releases.append(Release("tagger", models))
        named = " ".join(f"{model.instance}:{model.digest}" for model in models)
        offline[named] = np.mean([joblib.load(model.path).predict_proba(rows) for model in models], axis=0)
    server.release(releases[0]).result()
    swapping = threading.Event()
    seen: set[str] = set()

    def load(number: int) -> int:
        client, asked, size = Client(server), 0, 1 if number % 2 else len(rows)
        while not swapping.is_set():
            status, answer, headers = client.ask(INFER, question(rows[:size]))
            assert status == 200
            named = headers["x-mlmake-models"]
            assert answer["parameters"]["models"] == named
            data = np.array(answer["outputs"][1]["data"]).reshape(size, 3)
            np.testing.assert_allclose(data, offline[named][:size], rtol=0, atol=1e-12)
            seen.add(named)
            asked += 1
        return asked

    with ThreadPoolExecutor(8) as clients:
        loads = [clients.submit(load, number) for number in range(8)]
        try:
            turn = 0
            # On a busy machine a release may come and go between two answers: until all have been seen.
            while turn < 40 or (turn < 2000 and seen != set(offline)):
                server.release(releases[turn % 4]).result()
                assert Client(server).ask("/v2/health/ready")[0] == 200
                turn += 1
        finally:
            swapping.set()
        assert sum(future.result() for future in loads) >= 40
    assert seen == set(offline)


GATE = threading.Event()
INSIDE = threading.Event()


class Gated(LogisticRegression):
    """Answers when the gate is opened."""

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        INSIDE.set()
        assert GATE.wait(30)
        return super().predict_proba(rows)


def test_stopping_answers_what_is_in_flight(store: Store, rows: np.ndarray) -> None:
    GATE.clear()
    INSIDE.clear()
    server = Server("127.0.0.1", 0, ["tagger"])
    server.release(Release("tagger", (store("train", Gated().fit(rows, np.resize([0, 1], len(rows)))),))).result()
    idle = Client(server)
    assert idle.ask("/v2/health/live")[0] == 200
    with ThreadPoolExecutor(2) as threads:
        asked = threads.submit(Client(server).ask, INFER, question(rows))
        assert INSIDE.wait(30)
        stopping = threads.submit(server.stop)
        # The idle connection is closed once the server drains.
        assert idle.connection.sock.recv(1) == b""
        assert not stopping.done()
        GATE.set()
        assert asked.result()[0] == 200
        stopping.result(timeout=5)
    with pytest.raises(ConnectionRefusedError):
        Client(server).ask("/v2/health/live")
    server.stop()


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen) as cannot:
            Server("127.0.0.1", port, [])
    assert str(cannot.value) == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use; --port 0 takes a free one"
    )


def test_where_others_can_reach_it_a_token_is_wanted() -> None:
    with pytest.raises(CannotListen, match=r"0\.0\.0\.0 can be reached by others: set MLMAKE_TOKEN"):
        Server("0.0.0.0", 0, [])


def test_the_guard_wants_its_token_for_all_but_prediction_and_health() -> None:
    guard = Guard(None, "secret")

    def ask(authorization: bytes | None, *, is_open: bool) -> int:
        headers = [] if authorization is None else [(b"authorization", authorization)]
        try:
            check_guard(guard, {"headers": headers}, is_open=is_open)
        except Refusal as refusal:
            return refusal.status
        return 200

    assert ask(None, is_open=True) == 200
    assert ask(b"Bearer secret", is_open=False) == 200
    assert ask(None, is_open=False) == ask(b"Bearer secre", is_open=False) == ask(b"secret", is_open=False) == 401


def test_models_that_no_longer_answer_are_freed(
    server: Server, client: Client, store: Store, classifier: Fit, rows: np.ndarray
) -> None:
    def members() -> list[Member]:
        gc.collect()
        return [found for found in gc.get_objects() if isinstance(found, Member) and found.instance.startswith("mine")]

    releases = [Release("tagger", (store(f"mine{number}", classifier(number)),)) for number in range(2)]
    server.release(releases[0]).result()
    client.ask(INFER, question(rows))
    (old,) = (weakref.ref(member.estimator) for member in members())
    descriptors = len(os.listdir("/proc/self/fd"))
    for turn in range(20):
        server.release(releases[(turn + 1) % 2]).result()
        assert client.ask(INFER, question(rows))[0] == 200
    assert len(members()) == 1
    assert old() is None
    assert len(os.listdir("/proc/self/fd")) == descriptors


@pytest.mark.parametrize(("host", "start"), [("::1", "http://[::1]:"), ("localhost", "http://")])
def test_every_loopback_name_will_do(host: str, start: str) -> None:
    with closing_server(Server(host, 0, [])) as server:
        assert server.url.startswith(start)
        assert Client(server).ask("/v2/health/live")[0] == 200


def test_what_is_no_http_is_refused_and_hurts_nobody(
    server: Server, client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection((urlsplit(server.url).hostname, urlsplit(server.url).port), timeout=30) as raw:
        raw.sendall(b"\x16\x03\x01 this is no request\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400 ")
    assert client.ask("/v2/health/live")[0] == 200
    assert capfd.readouterr() == ("", "")


@contextmanager
def closing_server(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.stop()
