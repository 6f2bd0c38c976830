"""A thread that does one thing after another; it does not know what, and nobody has to wait for its end."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class Worker:
    """A daemon thread: what hangs in it, foreign code above all, cannot keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._orders: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Do this after all that was submitted before."""
        done: Future[T] = Future()

        def carry_out() -> None:
            if not done.set_running_or_notify_cancel():
                return
            try:
                done.set_result(work())
            except BaseException as error:  # whoever waits has to hear of it
                done.set_exception(error)

        self._orders.put(carry_out)
        return done

    def close(self) -> None:
        """Let the thread end when it has done what was submitted; returns at once."""
        self._orders.put(None)

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            order()
            del order  # an idle thread must not keep what it has worked on alive
