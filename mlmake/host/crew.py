"""Threads that do tasks beside the loop, and the one inbox; it knows nothing of what the tasks or messages mean."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic

from mlmake.ports import Crashed, Done, Message

# The kernel may hand a signal to any thread; Python runs its handler only in the main one, which then has to wake up
# by itself to notice. Seconds.
_SLICE = 0.5


class ThreadCrew:
    """At most `size` daemon threads, started when there is work for them."""

    def __init__(self, size: int) -> None:
        self._size = max(1, size)
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        self._tasks: SimpleQueue[tuple[str, Callable[[], object]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._unfinished = 0

    def submit(self, task: str, work: Callable[[], object]) -> None:
        """Do this in another thread; its end comes as `Done` or `Crashed`."""
        with self._lock:
            self._unfinished += 1
            grow = self._threads < min(self._size, self._unfinished)
            if grow:
                self._threads += 1
            number = self._threads
        self._tasks.put((task, work))
        if grow:
            threading.Thread(target=self._work, name=f"crew-{number}", daemon=True).start()

    def post(self, message: Message) -> None:
        """Put a message into the inbox, from any thread or a signal handler."""
        self._inbox.put(message)

    def get(self, timeout: float | None) -> Message | None:
        """The next message; None if none came within `timeout` seconds. Signal handlers run meanwhile."""
        if timeout is not None and timeout <= 0:
            try:
                return self._inbox.get_nowait()
            except Empty:
                return None
        end = None if timeout is None else monotonic() + timeout
        while True:
            left = _SLICE if end is None else min(_SLICE, end - monotonic())
            try:
                return self._inbox.get(timeout=max(0.0, left))
            except Empty:
                if end is not None and monotonic() >= end:
                    return None

    def has_messages(self) -> bool:
        """Whether `get` would give one at once."""
        return not self._inbox.empty()

    def close(self) -> None:
        """Let the threads end when they have done what was submitted; returns at once."""
        with self._lock:
            threads, self._threads = self._threads, 0
        for _ in range(threads):
            self._tasks.put(None)

    def _work(self) -> None:
        while (order := self._tasks.get()) is not None:
            task, work = order
            message: Message
            try:
                message = Done(task, work())
            except BaseException as error:  # whatever it is, the loop has to hear of it
                message = Crashed(task, error)
            with self._lock:
                self._unfinished -= 1
            self._inbox.put(message)
            del order, work, message  # an idle thread must not keep results alive
