import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

from mlmake.model.release import Manner, ReleasedModel
from mlmake.serving.loader import Refused, fetch
from mlmake.serving.nursery import Nursery

Store = Callable[..., ReleasedModel]


class Does:
    """A pickle that calls this when it is opened."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    nursery = Nursery(None, patience=20.0)
    yield nursery
    nursery.close()


def rear(nursery: Nursery, model: ReleasedModel, request: bytes | None = None) -> str | None:
    try:
        nursery.rear(model, fetch(model, None, None), Manner(), request)
    except Refused as refused:
        return str(refused)
    return None


def test_a_good_model_is_let_through(
    nursery: Nursery, store: Store, classifier: Callable[..., LogisticRegression]
) -> None:
    model = store("train", classifier())
    question = b'{"inputs":[{"name":"input","datatype":"FP64","shape":[1,4],"data":[1,2,3,4]}]}'
    assert rear(nursery, model, request=question) is None
    assert rear(nursery, model, request=b"{}") == "train: warmup None: inputs: missing"


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (Does(os.abort), "ended the process that loaded it (SIGABRT), so it is not loaded here"),
        (Does(os._exit, 3), "ended the process that loaded it (exit code 3), so it is not loaded here"),
        (Does(int, "x"), "cannot be opened: ValueError: invalid literal for int()"),
        ({"no": "model"}, "train: a dict has no predict; save a fitted estimator"),
    ],
)
def test_what_does_not_survive_is_refused_and_the_next_is_tried(
    nursery: Nursery, store: Store, classifier: Callable[..., LogisticRegression], what: Any, reason: str
) -> None:
    said = rear(nursery, store("train", what))
    assert said is not None
    assert said.startswith("train: ")
    assert reason in said
    assert rear(nursery, store("good", classifier())) is None


def test_what_hangs_is_ended(store: Store) -> None:
    nursery = Nursery(None, patience=0.5)
    try:
        said = rear(nursery, store("train", Does(time.sleep, 1000)))
        assert said is not None
        assert said.endswith("was not loaded and warmed up within 0.5 s, so it is not loaded here")
    finally:
        nursery.close()


def test_what_ends_the_keeper_is_refused_and_another_takes_its_place(
    nursery: Nursery, store: Store, classifier: Callable[..., LogisticRegression], tmp_path: Path
) -> None:
    script = "import os; os.kill(os.getppid(), 9)"
    said = rear(nursery, store("train", Does(exec, script)))
    assert said is not None
    assert said.endswith("the process that tries models died of it")
    assert rear(nursery, store("good", classifier())) is None


def test_what_a_model_prints_is_no_answer(nursery: Nursery, store: Store) -> None:
    said = rear(nursery, store("train", Does(print, "null")))
    assert said is not None
    assert "a NoneType has no predict" in said
