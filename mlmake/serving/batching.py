"""Requests that wait at the same time are answered together; it knows neither HTTP nor where models come from."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlmake.model.release import Batching
from mlmake.serving.ensemble import Answer
from mlmake.serving.generation import Generation
from mlmake.serving.worker import Worker

Told: TypeAlias = Answer | BaseException


@dataclass(frozen=True, slots=True)
class Asked:
    """Rows that wait for the answer of the generation they came to."""

    generation: Generation
    rows: NDArray[Any]
    answer: "asyncio.Future[Answer]"


class Batcher:
    """Whenever its thread is free it takes all that waits. There is no timer: who comes alone is answered at once.

    To be used in one event loop.
    """

    def __init__(self, name: str) -> None:
        self._worker = Worker(f"predict {name}")
        self._waiting: deque[Asked] = deque()
        self._busy = False
        self._seconds_a_row = 0.0

    async def ask(self, generation: Generation, rows: NDArray[Any]) -> Answer:
        """The answer of this generation. Raises whatever its models raise."""
        loop = asyncio.get_running_loop()
        asked = Asked(generation, rows, loop.create_future())
        self._waiting.append(asked)
        if not self._busy:
            self._busy = True
            # What else is read in this turn of the loop comes along.
            loop.call_soon(self._begin, loop)
        return await asked.answer

    def close(self) -> None:
        """Answer what waits and no more."""
        self._worker.close()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = take_batch(self._waiting, self._seconds_a_row)
        if not batch:
            self._busy = False
            return
        begun = monotonic()
        done = self._worker.submit(lambda: answer_batch(batch))
        done.add_done_callback(lambda done: loop.call_soon_threadsafe(self._deliver, loop, batch, done.result(), begun))

    def _deliver(
        self, loop: asyncio.AbstractEventLoop, batch: Sequence[Asked], told: Sequence[Told], begun: float
    ) -> None:
        self._seconds_a_row = (monotonic() - begun) / sum(len(asked.rows) for asked in batch)
        # First the next batch, so that the thread works while answers are written.
        self._begin(loop)
        for asked, answer in zip(batch, told, strict=True):
            # Who has gone meanwhile wants nothing; the others do.
            if asked.answer.done():
                continue
            if isinstance(answer, Answer):
                asked.answer.set_result(answer)
            else:
                asked.answer.set_exception(Failed(answer))


class Failed(Exception):
    """What a model has raised; it may be anything, also what an event loop would end by."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")


def take_batch(waiting: deque[Asked], seconds_a_row: float) -> list[Asked]:
    """What is answered next, taken off the queue: the first that waits, and those after it that fit to it.

    They are of one generation and one width, in the order they came, as many as `Batching` allows.
    """
    batch: list[Asked] = []
    rows = 0
    while waiting:
        asked = waiting[0]
        if asked.answer.done():
            waiting.popleft()
            continue
        if batch:
            batching = asked.generation.manner.batching
            together = asked.generation is batch[0].generation and asked.rows.shape[1:] == batch[0].rows.shape[1:]
            if batching is None or not together or rows + len(asked.rows) > most_rows(batching, seconds_a_row):
                break
        rows += len(asked.rows)
        batch.append(waiting.popleft())
    return batch


def most_rows(batching: Batching, seconds_a_row: float) -> float:
    """How many rows a batch may have, by what a row took last time."""
    return min(batching.max_rows, batching.max_ms / 1000 / seconds_a_row if seconds_a_row else batching.max_rows)


def answer_batch(batch: Sequence[Asked]) -> list[Told]:
    """An answer for each; if together they have none, each is asked alone, so that a bad one fails alone."""
    answer: Callable[[NDArray[Any]], Answer] = batch[0].generation.ensemble.answer
    if len(batch) == 1:
        return [attempt(answer, batch[0].rows)]
    together = attempt(answer, np.concatenate([asked.rows for asked in batch]))
    if not isinstance(together, Answer):
        return [attempt(answer, asked.rows) for asked in batch]
    parts: list[Told] = []
    first = 0
    for asked in batch:
        parts.append(together.part(first, first + len(asked.rows)))
        first += len(asked.rows)
    return parts


def attempt(answer: Callable[[NDArray[Any]], Answer], rows: NDArray[Any]) -> Told:
    """What comes out: models are foreign code, which must not end the thread."""
    try:
        return answer(rows)
    except BaseException as error:  # it is told to who asked
        return error
