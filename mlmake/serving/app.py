"""The service as an ASGI application: who may ask what, and who answers; it does not know what it listens on."""

import hmac
import html
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mlmake import __version__
from mlmake.serving.batching import Batcher, Failed
from mlmake.serving.generation import Generation, Stage
from mlmake.serving.protocol import BadRequest, TooManyRows, describe, read_question, write_answer
from mlmake.serving.stream import Stream

Scope: TypeAlias = Any
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]

LARGEST_BODY = 8 * 2**20
"""Bytes of a request's body."""

LARGEST_DISCARDED = 8 * LARGEST_BODY
"""Bytes of a body too large that are still read before it is refused."""

INFER = re.compile(r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?/infer")
# The second is what curl and urllib say of a body of which they were told nothing.
JSON_KINDS = (b"application/json", b"application/x-www-form-urlencoded")
JSON_HEADERS = [(b"content-type", b"application/json")]
LAST = (b"connection", b"close")


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may ask. `hosts` are the names this server answers to, lower case; none: any. A token is wanted if given."""

    hosts: Collection[str] | None
    token: str | None = None


class Refusal(Exception):
    """A request that is not answered: its status, the reason, further headers."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = dict(headers or {})


class App:
    """Prediction is answered ahead of the router, which costs more than a small model does; all else behind it."""

    def __init__(self, stage: Stage, guard: Guard) -> None:
        self._stage = stage
        self._batchers = {serve: Batcher(serve) for serve in stage.serves}
        self._guard = guard
        self._stopping = False
        self.stream = Stream()
        models = "/v2/models/{name}"
        self._rest = Starlette(
            routes=[
                Route("/", self.front),
                Route("/v2", self.about),
                Route("/v2/health/live", self.is_live),
                Route("/v2/health/ready", self.is_ready),
                *(Route(path, self.metadata) for path in (models, models + "/versions/{version}")),
                *(Route(path + "/ready", self.is_model_ready) for path in (models, models + "/versions/{version}")),
            ],
            exception_handlers={HTTPException: tell_http_error, Refusal: tell_refusal},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        try:
            asked = INFER.fullmatch(scope["path"])
            check_guard(self._guard, scope, is_open=asked is not None or scope["path"].startswith("/v2/health/"))
            if asked is not None:
                await self.infer(asked["name"], asked["version"], scope, receive, send)
                return
            if scope["path"] == "/api/events":
                await self.events(scope, receive, send)
                return
        except Refusal as refusal:
            last = [LAST] if self._stopping else []
            await answer_raw(send, refusal.status, error_body(str(refusal)), [*encoded(refusal.headers), *last])
            return
        await self._rest(scope, receive, send)

    async def infer(self, name: str, version: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        """One prediction; it holds the generation it began with. Raises `Refusal`."""
        body = await read_body(receive)
        if body is None:
            return
        if scope["method"] != "POST":
            raise Refusal(405, f"{scope['method']} is not for {scope['path']}; use POST", {"allow": "POST"})
        generation = self.generation(name, version)
        check_kind(dict(scope["headers"]))
        ensemble = generation.ensemble
        try:
            question = read_question(body, generation.interface)
        except BadRequest as error:
            raise Refusal(413 if isinstance(error, TooManyRows) else 400, str(error)) from error
        try:
            answer = await self._batchers[name].ask(generation, question.rows)
            content = write_answer(
                question,
                answer,
                name=name,
                version=generation.version,
                models=generation.named,
                ensemble=ensemble,
                interface=generation.interface,
            )
        except (Failed, TypeError, ValueError, OverflowError) as error:
            # A model is foreign code; what it raises, or gives, is the answer to this request and nobody else's.
            raise Refusal(500, f"the model failed: {error} ({generation.named})") from error
        last = [LAST] if self._stopping else []
        await answer_raw(send, 200, content, [(b"x-mlmake-models", generation.named.encode()), *last])

    async def events(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the build tells, as it tells it. Raises `Refusal`."""
        if scope["method"] != "GET":
            raise Refusal(405, f"{scope['method']} is not for {scope['path']}; use GET", {"allow": "GET"})
        seen = dict(scope["headers"]).get(b"last-event-id", b"0")
        await self.stream.answer(int(seen) if seen.isdigit() and len(seen) < 20 else 0, receive, send)

    def stop(self) -> None:
        """The server is being stopped: close the streams, and each connection behind its next answer."""
        self._stopping = True
        self.stream.end()

    def close(self) -> None:
        """Answer nothing more."""
        for batcher in self._batchers.values():
            batcher.close()

    async def front(self, request: Request) -> Response:
        """What is served, for people."""
        rows = []
        for serve in self._stage.serves:
            generation = self._stage.current(serve)
            names = [member.instance for member in generation.ensemble.members] if generation else ["no model yet"]
            rows.append(f"<li><b>{html.escape(serve)}</b>: {', '.join(map(html.escape, names))}</li>")
        page = f"<!doctype html><meta charset=utf-8><title>mlmake</title><h1>mlmake</h1><ul>{''.join(rows)}</ul>"
        return Response(page, media_type="text/html", headers={"content-security-policy": "default-src 'none'"})

    def generation(self, name: str, version: str | None) -> Generation:
        """Who answers for a name. Raises `Refusal` if nobody does, or nobody yet, or another version."""
        if name not in self._stage.serves:
            known = ", ".join(self._stage.serves) or "none"
            raise Refusal(404, f"no model {name!r}; there is {known}")
        generation = self._stage.current(name)
        if generation is None:
            raise Refusal(503, f"model {name!r} is not ready: none of its models has been built and loaded yet")
        if version not in (None, generation.version):
            raise Refusal(404, f"no version {version!r} of model {name!r}; live is {generation.version}")
        return generation

    async def about(self, request: Request) -> Response:
        """The server's metadata."""
        return json_response({"name": "mlmake", "version": __version__, "extensions": []})

    async def is_live(self, request: Request) -> Response:
        """The process runs."""
        return json_response({"live": True})

    async def is_ready(self, request: Request) -> Response:
        """At least one model can answer."""
        if not self._stage.is_ready:
            raise Refusal(503, "not ready: no model has been built and loaded yet")
        return json_response({"ready": True})

    async def metadata(self, request: Request) -> Response:
        """What a model takes and gives."""
        generation = self.generation(request.path_params["name"], request.path_params.get("version"))
        return json_response(describe(generation.serve, generation.version, generation.ensemble, generation.interface))

    async def is_model_ready(self, request: Request) -> Response:
        """A model can answer."""
        generation = self.generation(request.path_params["name"], request.path_params.get("version"))
        return json_response({"name": generation.serve, "ready": True})


def check_guard(guard: Guard, scope: Scope, *, is_open: bool) -> None:
    """Raises `Refusal` for a name that is not this server's (a web page that rebinds its own), or a missing token."""
    headers = {key: value for key, value in scope["headers"] if key in (b"host", b"authorization")}
    host = headers.get(b"host", b"").decode("latin-1").lower()
    name = re.sub(r":\d*$", "", host).strip("[]")
    if guard.hosts is not None and name not in guard.hosts:
        raise Refusal(400, f"Host: {host!r} is no name of this server; it is {', '.join(sorted(guard.hosts))}")
    if guard.token is not None and not is_open:
        given = headers.get(b"authorization", b"")
        if not hmac.compare_digest(given, b"Bearer " + guard.token.encode()):
            raise Refusal(
                401, "Authorization: send Bearer and the token in MLMAKE_TOKEN", {"www-authenticate": "Bearer"}
            )


def check_kind(headers: Mapping[bytes, bytes]) -> None:
    """Raises `Refusal` if the body is something else than plain JSON."""
    kind = headers.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
    # Clients of the binary extension send no type of their own, only the length of the JSON before the tensors.
    if b"inference-header-content-length" in headers:
        raise Refusal(415, "Inference-Header-Content-Length: the binary tensor extension is not yet built; send JSON")
    if kind not in JSON_KINDS:
        raise Refusal(415, f"Content-Type: {kind.decode('latin-1')!r} instead of 'application/json'")
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refusal(415, "Content-Encoding: send the body as it is")


async def read_body(receive: Receive) -> bytes | None:
    """The whole body; none if the client has gone. Raises `Refusal` if it is too large."""
    pieces: list[bytes] = []
    size = 0
    while size <= LARGEST_DISCARDED:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        size += len(message.get("body", b""))
        if size <= LARGEST_BODY:
            pieces.append(message.get("body", b""))
        else:
            # Taken off the wire and dropped: a client that is still sending would see a reset instead of the answer.
            pieces.clear()
        if not message.get("more_body"):
            break
    if size > LARGEST_BODY:
        raise Refusal(413, f"the body is larger than {LARGEST_BODY} bytes; send fewer rows at once")
    return b"".join(pieces)


async def answer_raw(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Send a whole JSON response."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*JSON_HEADERS, length, *headers]})
    await send({"type": "http.response.body", "body": body})


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI wants them."""
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def error_body(reason: str) -> bytes:
    """The body of every error."""
    return orjson.dumps({"error": reason})


def json_response(value: object) -> Response:
    """A response with this value."""
    return Response(orjson.dumps(value), media_type="application/json")


async def tell_refusal(request: Request, error: Exception) -> Response:
    """A refusal from behind the router."""
    assert isinstance(error, Refusal)
    return Response(error_body(str(error)), error.status, error.headers, "application/json")


async def tell_http_error(request: Request, error: Exception) -> Response:
    """What the router itself refuses: an unknown path, a wrong method."""
    assert isinstance(error, HTTPException)
    # The router keeps its methods in a set, which has another order in every process.
    allowed = ", ".join(sorted((error.headers or {}).get("Allow", "").split(", ")))
    reason = (
        f"{request.method} is not for {request.url.path}; use {allowed}"
        if error.status_code == 405
        else (f"nothing at {request.url.path}; see /v2" if error.status_code == 404 else error.detail)
    )
    return Response(error_body(reason), error.status_code, error.headers, "application/json")
