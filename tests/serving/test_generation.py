from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlmake.model.event import LiveModel
from mlmake.model.release import Release, ReleasedModel
from mlmake.serving.generation import Stage, prepare
from mlmake.serving.loader import Refused

Fit = Callable[..., LogisticRegression]
Store = Callable[..., ReleasedModel]


def test_a_generation_names_its_models_best_first(store: Store, classifier: Fit) -> None:
    one, two = store("a", classifier(1), 1), store("b", classifier(2), 2)
    generation = prepare(Release("tagger", (one, two)), None)
    assert generation.named == f"a:{one.digest} b:{two.digest}"
    assert generation.live == (LiveModel("a", one.digest, 1), LiveModel("b", two.digest, 2))


def test_the_version_is_the_models_and_their_order(store: Store, classifier: Fit) -> None:
    one, two = store("a", classifier(1), 1), store("b", classifier(2), 2)
    first = prepare(Release("tagger", (one, two)), None)
    assert prepare(Release("other", (one, two)), None).version == first.version
    assert prepare(Release("tagger", (two, one)), None).version != first.version
    assert prepare(Release("tagger", (one,)), None).version != first.version


def test_a_model_that_is_live_is_not_read_again(store: Store, classifier: Fit) -> None:
    one, two = store("a", classifier(1), 1), store("b", classifier(2), 2)
    first = prepare(Release("tagger", (one,)), None)
    Path(one.path).unlink()
    second = prepare(Release("tagger", (two, ReleasedModel("a", one.path, one.digest, 2))), first)
    assert second.ensemble.members[1].estimator is first.ensemble.members[0].estimator
    assert [member.rank for member in second.ensemble.members] == [2, 2]


def test_a_loaded_model_works_alone(store: Store, rows: np.ndarray) -> None:
    forest = RandomForestClassifier(2, n_jobs=2).fit(rows, np.resize([0, 1], len(rows)))
    generation = prepare(Release("tagger", (store("a", forest),)), None)
    assert generation.ensemble.members[0].estimator.n_jobs == 1


def test_the_same_instance_with_other_bytes_is_read(store: Store, classifier: Fit) -> None:
    first = prepare(Release("tagger", (store("a", classifier(1)),)), None)
    second = prepare(Release("tagger", (store("a", classifier(2)),)), first)
    assert second.ensemble.members[0].estimator is not first.ensemble.members[0].estimator


def test_a_misfit_refuses_the_whole_release(store: Store, classifier: Fit) -> None:
    models = (store("a", classifier(1)), store("b", classifier(1, (0, 1)), 2))
    with pytest.raises(Refused) as refused:
        prepare(Release("tagger", models), None)
    assert str(refused.value) == "b: has the classes [0, 1], a [0, 1, 2]; serve.tagger stays as it was"


def test_who_looked_before_a_swap_keeps_what_it_saw(store: Store, classifier: Fit) -> None:
    stage = Stage(["tagger", "other"])
    assert not stage.is_ready
    old = prepare(Release("tagger", (store("a", classifier(1)),)), None)
    new = prepare(Release("tagger", (store("b", classifier(2)),)), None)
    stage.swap(old)
    seen = stage.current("tagger")
    stage.swap(new)
    assert seen is old
    assert stage.current("tagger") is new
    assert stage.current("other") is None
    assert stage.is_ready
    with pytest.raises(KeyError):
        stage.current("unknown")
