"""A crowd asks while models change: no request fails, and each answer is that of exactly the models it names."""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mlmake.model.release import Release, ReleasedModel
from mlmake.serving.server import Server

CROWD = Path(__file__).with_name("asking.py")
CONNECTIONS = 32


@pytest.mark.parametrize("requests", [3_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_crowd_asks_while_models_change(
    server: Server,
    store: Callable[..., ReleasedModel],
    classifier: Callable[..., LogisticRegression],
    rows: np.ndarray,
    tmp_path: Path,
    requests: int,
) -> None:
    """Eight models join one after another, at most three live; then they change in turn until the crowd has gone."""
    many = np.resize(rows, (64, rows.shape[1]))
    np.save(tmp_path / "rows.npy", many)
    models = [store(f"train@number={number}", classifier(number), 1) for number in range(8)]
    for model in models:
        (tmp_path / f"{model.digest}.pkl").write_bytes(Path(model.path).read_bytes())

    def release(*numbers: int) -> str:
        chosen = tuple(
            ReleasedModel(models[n].instance, models[n].path, models[n].digest, rank)
            for rank, n in enumerate(numbers, start=1)
        )
        swapped = server.release(Release("tagger", chosen, chosen=True)).result()
        assert swapped.refused == ()
        return " ".join(f"{model.instance}:{model.digest}" for model in swapped.live)

    live = {release(0)}
    port = server.url.rpartition(":")[2]
    crowd = subprocess.Popen(
        [sys.executable, str(CROWD), port, str(CONNECTIONS), str(requests), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert crowd.stdout is not None
    assert json.loads(crowd.stdout.readline()) == "all"
    for number in range(1, 8):
        live.add(release(*range(max(0, number - 2), number + 1)))
    swaps, descriptors = 8, len(os.listdir("/proc/self/fd"))
    while crowd.poll() is None:
        live.add(release(*((swaps + step) % 8 for step in range(3))))
        swaps += 1
    told = json.loads(crowd.stdout.readline())
    crowd.stdout.close()
    assert crowd.returncode == 0
    assert sum(told.values()) == requests
    assert told.keys() <= live
    assert len(told) > 1
    assert swaps > 8
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 1
