import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mlmake.model.release import Batching, Manner
from mlmake.serving.batching import Asked, Batcher, Failed, most_rows, take_batch
from mlmake.serving.ensemble import Member
from mlmake.serving.generation import Generation, compose


class Sums:
    """Adds each row up, notes how many came together, and fails where a row begins with 13."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.gate = threading.Event()
        self.inside = threading.Event()
        self.gate.set()

    def predict(self, rows: np.ndarray) -> np.ndarray:
        self.seen.append(len(rows))
        self.inside.set()
        assert self.gate.wait(30)
        if (rows[:, 0] == 13).any():
            raise ValueError("unlucky")
        return rows.sum(axis=1)


def generation(model: Any, batching: Batching | None) -> Generation:
    return compose("tagger", [Member("a", "0" * 32, 1, model)], Manner(batching=batching))


async def together(model: Sums, waiting: Callable[[Batcher], list[Any]]) -> list[Any]:
    """What those come to that ask while the model is at work for another."""
    batcher = Batcher("test")
    model.gate.clear()
    first = asyncio.ensure_future(batcher.ask(generation(model, Batching(10**6, 10**6)), np.zeros((1, 2))))
    await asyncio.to_thread(model.inside.wait, 30)
    tasks = [asyncio.ensure_future(asking) for asking in waiting(batcher)]
    await asyncio.sleep(0)
    model.gate.set()
    told = await asyncio.gather(first, *tasks, return_exceptions=True)
    batcher.close()
    return told[1:]


def rows(*firsts: float) -> np.ndarray:
    return np.array([[first, 1.0] for first in firsts])


def test_who_waits_is_answered_together_and_gets_its_own_rows() -> None:
    model = Sums()
    live = generation(model, Batching(10**6, 10**6))
    told = asyncio.run(together(model, lambda batcher: [batcher.ask(live, rows(*range(n))) for n in (1, 3, 2)]))
    assert [answer.predict.tolist() for answer in told] == [[1.0], [1.0, 2.0, 3.0], [1.0, 2.0]]
    assert model.seen == [1, 6]


def test_a_bad_row_set_fails_alone() -> None:
    model = Sums()
    live = generation(model, Batching(10**6, 10**6))
    told = asyncio.run(together(model, lambda batcher: [batcher.ask(live, rows(n)) for n in (1, 13, 2)]))
    assert [told[0].predict.tolist(), told[2].predict.tolist()] == [[2.0], [3.0]]
    assert isinstance(told[1], Failed)
    assert str(told[1]) == "ValueError: unlucky"
    assert model.seen == [1, 3, 1, 1, 1]


def test_a_batch_is_of_one_generation() -> None:
    model, other = Sums(), Sums()
    one, two = generation(model, Batching(10**6, 10**6)), generation(other, Batching(10**6, 10**6))
    told = asyncio.run(
        together(model, lambda batcher: [batcher.ask(at, rows(n)) for n, at in enumerate((one, one, two, two, one))])
    )
    assert [answer.predict.tolist() for answer in told] == [[n + 1.0] for n in range(5)]
    assert (model.seen, other.seen) == ([1, 2, 1], [2])


def test_without_batching_each_is_answered_alone() -> None:
    model = Sums()
    live = generation(model, None)
    asyncio.run(together(model, lambda batcher: [batcher.ask(live, rows(n)) for n in (1, 2)]))
    assert model.seen == [1, 1, 1]


def test_who_has_gone_stops_nobody() -> None:
    model = Sums()
    live = generation(model, Batching(10**6, 10**6))

    def ask(batcher: Batcher) -> list[Any]:
        gone = asyncio.ensure_future(batcher.ask(live, rows(13)))
        asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(gone.cancel))
        return [gone, batcher.ask(live, rows(2))]

    gone, answer = asyncio.run(together(model, ask))
    assert isinstance(gone, asyncio.CancelledError | Failed)
    assert answer.predict.tolist() == [3.0]


@pytest.mark.parametrize(
    ("sizes", "max_rows", "seconds_a_row", "taken"),
    [
        ([4, 4, 4], 12, 0.0, 3),
        ([4, 4, 5], 12, 0.0, 2),
        ([400, 1], 12, 0.0, 1),
        ([1] * 10, 512, 0.005, 4),
        ([1] * 10, 512, 10.0, 1),
    ],
)
def test_a_batch_has_so_many_rows_and_takes_so_long(
    sizes: list[int], max_rows: int, seconds_a_row: float, taken: int
) -> None:
    live = generation(Sums(), Batching(max_rows, 20.0))

    async def take() -> int:
        loop = asyncio.get_running_loop()
        waiting = deque(Asked(live, np.zeros((size, 2)), loop.create_future()) for size in sizes)
        return len(take_batch(waiting, seconds_a_row))

    assert asyncio.run(take()) == taken
    assert most_rows(Batching(max_rows, 20.0), 0.0) == max_rows
