"""Events as Server-Sent Events for whoever listens; it does not know what they mean."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

KEPT = 10_000
"""Events of the present run that who comes late is told."""

BEHIND = 20_000
"""Events that may wait for one listener; who falls further behind is cut off, and may come back."""

QUIET = 15.0
"""Seconds without an event after which a sign of life is sent."""

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Stream:
    """What has been told of the present run, and who hears more. To be used in one event loop."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self._listeners: set[asyncio.Queue[bytes | None]] = set()
        self._number = 0
        self._ended = False

    def tell(self, line: bytes, *, first: bool = False) -> None:
        """Tell one event, a line of JSON; with `first` what came before is history."""
        if first:
            self._kept.clear()
        self._number += 1
        self._kept.append((self._number, line))
        piece = message(self._number, line)
        for listener in list(self._listeners):
            if listener.qsize() < BEHIND:
                listener.put_nowait(piece)
            else:
                self._listeners.discard(listener)
                listener.put_nowait(None)

    def end(self) -> None:
        """Close all streams, and each that is still opened."""
        self._ended = True
        for listener in self._listeners:
            listener.put_nowait(None)
        self._listeners.clear()

    async def answer(
        self, after: int, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Tell events later than that number until the listener goes or the server stops."""
        pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        # A number of another server's life says nothing here.
        seen = after if after <= self._number else 0
        known = b"".join(message(number, line) for number, line in self._kept if number > seen)
        if not self._ended:
            self._listeners.add(pieces)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        gone = asyncio.ensure_future(wait_until_gone(receive))
        try:
            await send({"type": "http.response.body", "body": b": mlmake\n\n" + known, "more_body": True})
            while not self._ended and not gone.done():
                piece = asyncio.ensure_future(pieces.get())
                await asyncio.wait((piece, gone), timeout=QUIET, return_when=asyncio.FIRST_COMPLETED)
                if not piece.done():
                    piece.cancel()
                    told: bytes | None = b": still here\n\n"
                else:
                    told = piece.result()
                if told is None:
                    break
                await send({"type": "http.response.body", "body": told, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._listeners.discard(pieces)
            gone.cancel()


def message(number: int, line: bytes) -> bytes:
    """One event on the wire."""
    return b"id: %d\ndata: %b\n\n" % (number, line)


async def wait_until_gone(receive: Callable[[], Awaitable[Any]]) -> None:
    """Wait for the client to close its end."""
    while (await receive())["type"] != "http.disconnect":
        pass
