"""A world for serving: small real models on disk, and what a build would say of them."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from xxhash import xxh3_128_hexdigest

from mlmake.model.digest import Digest
from mlmake.model.release import ReleasedModel
from mlmake.serving.server import Server

WIDTH = 4


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., ReleasedModel]:
    """Writes an estimator and gives the released model of it."""

    def write(instance: str, estimator: Any, rank: int = 1, suffix: str = ".pkl") -> ReleasedModel:
        path = tmp_path / f"{instance}{suffix}"
        path.write_bytes(pickle.dumps(estimator))
        return ReleasedModel(instance, str(path), Digest(xxh3_128_hexdigest(path.read_bytes())), rank)

    return write


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, WIDTH))


@pytest.fixture
def classifier(rows: np.ndarray) -> Callable[..., LogisticRegression]:
    """A fitted classifier of `labels`; another `seed`, other answers."""

    def fit(seed: int = 0, labels: tuple[Any, ...] = (0, 1, 2)) -> LogisticRegression:
        drawn = np.random.default_rng(seed).permutation(np.resize(np.array(labels), len(rows)))
        return LogisticRegression(max_iter=300).fit(rows, drawn)

    return fit


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server("127.0.0.1", 0, ["tagger", "other"])
    yield server
    server.stop()
