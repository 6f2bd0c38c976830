"""What a server says of the version of what is behind a URL; it does not know what is decided from it.

Slow to import, and the only module that opens URLs for sources: whoever needs it imports it then.
"""

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from socket import gaierror
from ssl import SSLCertVerificationError, SSLError
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from mlmake.model.address import without_secrets
from mlmake.model.units import Seconds

REFUSED = (400, 401, 403, 405, 501)
"""Answers to HEAD after which GET is tried: a signed URL is often signed for GET alone."""

_SLICE = 0.1


class NotTold(Exception):
    """The server does not tell; the message has place, cause and mend, and no credentials."""


@dataclass(frozen=True, slots=True)
class Told:
    """The validator of one URL: its ETag, else the time of its last change and its length; none if it has neither."""

    validator: str | None


def ask_server(url: str, *, timeout: Seconds, stopped: Callable[[], bool]) -> Told:
    """Ask by HEAD, or by a GET whose body is not read. Raises NotTold.

    `timeout` is for all of it; `stopped` ends the waiting. A server that hangs is left to a thread that ends with us.
    """
    found: list[Told | NotTold | BaseException] = []
    done = threading.Event()

    def work() -> None:
        try:
            found.append(_ask(url, timeout))
        except BaseException as error:  # told to who waits
            found.append(error)
        done.set()

    threading.Thread(target=work, name="ask-server", daemon=True).start()
    left = float(timeout)
    while not done.wait(min(_SLICE, max(0.0, left))):
        left -= _SLICE
        if stopped():
            raise NotTold(f"{without_secrets(url)} was not waited for")
        if left <= 0:
            raise NotTold(_slow(url, timeout))
    match found[0]:
        case Told() as told:
            return told
        case error:
            raise error


def _ask(url: str, timeout: Seconds) -> Told:

    shown = without_secrets(url)
    try:
        opener = build_opener(_Redirects)
        try:
            return _told(_headers(opener, url, "HEAD", timeout))
        except HTTPError as error:
            error.close()
            if error.code not in REFUSED:
                raise
            return _told(_headers(opener, url, "GET", timeout))
    except HTTPError as error:
        error.close()
        raise NotTold(f"{shown}: the server answers {error.code} {error.reason}; {_mend(error.code)}") from None
    except TimeoutError:
        raise NotTold(_slow(url, timeout)) from None
    except URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise NotTold(_slow(url, timeout)) from None
        raise NotTold(f"{shown}: {_why(error.reason)}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise NotTold(f"{shown}: {_why(error)}") from None


class _Redirects(HTTPRedirectHandler):
    """By HEAD if HEAD was asked, with credentials for the same host only."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        """See `HTTPRedirectHandler`."""
        new = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        if new is not None:
            new.method = req.get_method()
            secret = req.unredirected_hdrs.get("Authorization")
            if secret and (new.type, new.host) == (req.type, req.host):
                new.add_unredirected_header("Authorization", secret)
        return new


def _headers(opener: OpenerDirector, url: str, method: str, timeout: Seconds) -> Message:

    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    request = Request(urlunsplit(parts._replace(netloc=host, fragment="")), method=method)
    request.add_header("Accept-Encoding", "identity")
    request.add_header("User-Agent", "mlmake")
    if user:
        # Not among the headers that go on to another host.
        secret = base64.b64encode(unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {secret}")
    with opener.open(request, timeout=timeout) as answer:
        headers: Message = answer.headers
        return headers


def _told(headers: Message) -> Told:
    if tag := headers.get("ETag"):
        return Told(f"etag {tag.strip()}")
    if changed := headers.get("Last-Modified"):
        return Told(f"modified {changed.strip()}, {(headers.get('Content-Length') or 'no length').strip()}")
    return Told(None)


def _slow(url: str, timeout: Seconds) -> str:
    return f"{without_secrets(url)}: no answer within {timeout:g} s; try again, or measure by probe = {{ run = … }}"


def _mend(code: int) -> str:
    if code in (401, 403, 407):
        return "look at the credentials"
    if code in (404, 410):
        return "correct `source`"
    return "try again later"


def _why(reason: object) -> str:

    match reason:
        case SSLCertVerificationError():
            return f"its certificate cannot be trusted: {reason.verify_message}; correct `source`, or set SSL_CERT_FILE"
        case SSLError():
            return f"no secure connection: {reason.reason or reason}; is it http://?"
        case gaierror():
            return f"the host is unknown: {reason.strerror}; correct `source`, or look at the network"
        case ConnectionRefusedError():
            return "the connection was refused; does the server run?"
        case OSError():
            return f"{reason.strerror or reason}; look at the network"
        case _:
            return f"no answer that could be read: {type(reason).__name__}; look at the server"
