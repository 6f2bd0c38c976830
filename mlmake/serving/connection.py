"""One connection, with limits on how long it may take and say nothing; it does not know what is asked."""

import asyncio
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_TIME = 10.0
"""Seconds from the first byte of a request, or from the connection, to the end of its header."""

BODY_TIME = 60.0
"""Seconds that the body of a request may take."""

IDLE_TIME = 75.0
"""Seconds that a connection may stay open between two requests."""

LARGEST_HEADER = 65_536
"""Bytes of a request's header."""

LAST_CALL = 0.25
"""Seconds that connections stay open for requests which are under way to them while the server is being stopped."""


class Connection(HttpToolsProtocol):
    """Uvicorn's own, but who sends slowly, or too much header, is answered and sent away."""

    header_time, body_time = HEADER_TIME, BODY_TIME

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self._limit: asyncio.TimerHandle | None = None
        self._header = 0
        self._last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._arm(self.header_time, "the header")

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._is_between():
            if self._limit is None:
                self._arm(self.header_time, "the header")
            self._header += len(data)
        super().data_received(data)
        # What came behind the end of a header is body.
        if self._is_between() and self._header > LARGEST_HEADER:
            self._send_away(431, f"the header is larger than {LARGEST_HEADER} bytes")

    def on_headers_complete(self) -> None:
        """See the parser."""
        self._disarm()
        self._header = 0
        super().on_headers_complete()
        self._arm(self.body_time, "the body")
        if self._last and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """See the parser."""
        self._disarm()
        super().on_message_complete()

    def shutdown(self) -> None:
        """The server stops: answer what is under way to it, then close."""
        self._last = True
        if self._is_between():
            self.loop.call_later(LAST_CALL, self._close_if_idle)
        else:
            super().shutdown()

    def _is_between(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _close_if_idle(self) -> None:
        if self._is_between() and not self.transport.is_closing():
            self.transport.close()

    def _arm(self, seconds: float, what: str) -> None:
        self._limit = self.loop.call_later(seconds, self._time_out, what, seconds)

    def _disarm(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _time_out(self, what: str, seconds: float) -> None:
        self._limit = None
        self._send_away(408, f"{what} of the request did not come within {seconds:g} s")

    def _send_away(self, status: int, reason: str) -> None:
        """Answer by hand, unless an answer has begun, and close."""
        if self.transport.is_closing():
            return
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            body = orjson.dumps({"error": reason})
            names = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}
            self.transport.write(
                b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
                % (status, names[status], len(body), body)
            )
        self.transport.close()
