import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlmake.model.event import LiveModel
from mlmake.model.release import Manner, Release, ReleasedModel
from mlmake.serving.generation import Generation, Stage
from mlmake.serving.releasing import Releaser, Swap

Fit = Callable[..., LogisticRegression]
Store = Callable[..., ReleasedModel]


def stage_of(current: Generation | None = None) -> Stage:
    stage = Stage(["tagger", "other"])
    if current is not None:
        stage.swap(current)
    return stage


def swap(stage: Stage, release: Release) -> Swap:
    return Releaser(stage, store=None, nursery=None).go_live(release)


def prepare(release: Release, current: Generation | None) -> Generation:
    stage = stage_of(current)
    assert swap(stage, release).changed
    generation = stage.current(release.serve)
    assert generation is not None
    return generation


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


def test_a_misfit_refuses_the_whole_release_and_is_said_once(store: Store, classifier: Fit) -> None:
    good = store("a", classifier(1))
    stage = stage_of()
    releaser = Releaser(stage, store=None, nursery=None)
    first = releaser.go_live(Release("tagger", (good,)))
    odd = Release("tagger", (good, store("b", classifier(1, (0, 1)), 2)))
    again = releaser.go_live(odd)
    assert (again.live, again.changed) == (first.live, False)
    assert again.refused == ("b: has the classes [0, 1], a [0, 1, 2]; serve.tagger stays as it was",)
    assert releaser.go_live(odd).refused == ()


def test_the_same_models_again_change_nothing(store: Store, classifier: Fit) -> None:
    release = Release("tagger", (store("a", classifier(1)),))
    stage = stage_of(prepare(release, None))
    before = stage.current("tagger")
    assert not swap(stage, release).changed
    assert stage.current("tagger") is before


def broken(store: Store, instance: str, rank: int) -> ReleasedModel:
    return store(instance, {"no": "model"}, rank, suffix=".txt")


def test_what_was_chosen_together_goes_live_together_or_not(store: Store, classifier: Fit) -> None:
    good = store("a", classifier(1))
    stage = stage_of()
    swapped = swap(stage, Release("tagger", (good, broken(store, "b", 2)), chosen=True))
    assert (swapped.live, swapped.changed) == ((), False)
    assert not stage.is_ready


def test_what_nobody_chose_goes_live_without_what_is_broken(store: Store, classifier: Fit) -> None:
    good, more = store("a", classifier(1)), store("c", classifier(2), 3)
    stage = stage_of()
    releaser = Releaser(stage, store=None, nursery=None)
    swapped = releaser.go_live(Release("tagger", (good, broken(store, "b", 2))))
    assert [model.instance for model in swapped.live] == ["a"]
    assert len(swapped.refused) == 1
    swapped = releaser.go_live(Release("tagger", (good, broken(store, "b", 2), more)))
    assert [model.instance for model in swapped.live] == ["a", "c"]
    assert swapped.refused == ()


def test_a_broken_model_leaves_the_one_it_would_replace(store: Store, classifier: Fit) -> None:
    good = store("a", classifier(1))
    stage = stage_of(prepare(Release("tagger", (good,)), None))
    swapped = swap(stage, Release("tagger", (broken(store, "a", 1),)))
    assert [(model.instance, model.digest) for model in swapped.live] == [("a", good.digest)]
    assert not swapped.changed


WARMUP = {"inputs": [{"name": "input", "datatype": "FP64", "shape": [1, 4], "data": [1, 2, 3, 4]}]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, r"warmup: cannot read .*w\.json: No such file or directory; write a request into it"),
        ("{}", r"warmup .*w\.json: inputs: missing"),
        (
            json.dumps(WARMUP).replace("4]", "5]"),
            r"warmup .*w\.json: inputs\[0\]\.shape: \[1, 5\] instead of \[rows, 4\]",
        ),
    ],
)
def test_who_cannot_be_warmed_up_does_not_go_live(
    store: Store, classifier: Fit, tmp_path: Path, content: str | None, reason: str
) -> None:
    warmup = tmp_path / "w.json"
    if content is not None:
        warmup.write_text(content)
    stage = stage_of()
    release = Release("tagger", (store("a", classifier(1)),), Manner(warmup=str(warmup)))
    (refused,) = swap(stage, release).refused
    assert re.match(reason, refused)
    assert not stage.is_ready
    warmup.write_text(json.dumps(WARMUP))
    assert swap(stage, release).changed


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
