from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlmake.serving.ensemble import Member, Misfit, join, work_alone

Fit = Callable[..., LogisticRegression]


def member(instance: str, estimator: Any, rank: int = 1) -> Member:
    return Member(instance, "0" * 32, rank, estimator)


class Turned:
    """A classifier whose classes are in another order."""

    def __init__(self, inner: LogisticRegression) -> None:
        self.inner = inner
        self.classes_ = inner.classes_[::-1]
        self.n_features_in_ = inner.n_features_in_

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.inner.predict(rows)

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        return self.inner.predict_proba(rows)[:, ::-1]


def test_probabilities_are_the_mean(classifier: Fit, rows: np.ndarray) -> None:
    one, two = classifier(1), classifier(2)
    answer = join([member("a", one), member("b", two)]).answer(rows)
    assert answer.probabilities is not None
    np.testing.assert_array_equal(
        answer.probabilities, np.mean([one.predict_proba(rows), two.predict_proba(rows)], axis=0)
    )
    np.testing.assert_array_equal(answer.predict, answer.probabilities.argmax(axis=1))


def test_classes_are_aligned_by_label(classifier: Fit, rows: np.ndarray) -> None:
    labels = ("bee", "ant", "cat")
    one, two = classifier(1, labels), classifier(2, labels)
    plain = join([member("a", one), member("b", two)]).answer(rows)
    turned = join([member("a", Turned(one)), member("b", two)]).answer(rows)
    assert plain.predict.tolist() == turned.predict.tolist()
    np.testing.assert_array_equal(plain.probabilities, turned.probabilities)
    assert set(plain.predict.tolist()) <= set(labels)


def test_values_are_the_mean(rows: np.ndarray) -> None:
    one, two = (LinearRegression().fit(rows, rows[:, column]) for column in (0, 1))
    answer = join([member("a", one), member("b", two)]).answer(rows)
    assert answer.probabilities is None
    np.testing.assert_allclose(answer.predict, rows[:, :2].mean(axis=1))


def test_a_classifier_without_probabilities_answers_alone(rows: np.ndarray) -> None:
    fitted = RidgeClassifier().fit(rows, ["yes", "no"] * 20)
    ensemble = join([member("a", fitted)])
    assert ensemble.outputs == ("predict",)
    assert ensemble.answer(rows).predict.tolist() == fitted.predict(rows).tolist()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda fit, rows: [], "no models to serve"),
        (lambda fit, rows: [fit(0), fit(0, (0, 1))], "b: has the classes [0, 1], a [0, 1, 2]"),
        (lambda fit, rows: [fit(0), fit(0, (0, 1, 3))], "b: has the classes [0, 1, 3], a [0, 1, 2]"),
        (
            lambda fit, rows: [fit(0), fit(0, ("0", "1", "2"))],
            "b: has the classes ['0', '1', '2'], a [0, 1, 2]",
        ),
        (
            lambda fit, rows: [fit(0), LogisticRegression().fit(rows[:, :3], [0, 1, 2, 0] * 10)],
            "b: takes rows of 3, a of 4",
        ),
        (
            lambda fit, rows: [fit(0), LinearRegression().fit(rows, rows[:, 0])],
            "b: answers with values, a with probabilities",
        ),
        (
            lambda fit, rows: [RidgeClassifier().fit(rows, [0, 1] * 20)] * 2,
            "a: has no predict_proba, so there is nothing to take the mean of",
        ),
        (lambda fit, rows: [{"no": "model"}], "a: a dict has no predict; save a fitted estimator"),
        (
            lambda fit, rows: [RandomForestClassifier(2).fit(rows, np.tile([[0, 1], [1, 0]], (20, 1)))],
            "a: answers several questions at once (a list of classes); serve one a model",
        ),
    ],
)
def test_misfits_are_named(classifier: Fit, rows: np.ndarray, make: Callable[..., list[Any]], message: str) -> None:
    members = [member(name, estimator) for name, estimator in zip("ab", make(classifier, rows), strict=False)]
    with pytest.raises(Misfit) as misfit:
        join(members)
    assert str(misfit.value) == message


def test_another_aggregate_is_not_built_yet(classifier: Fit) -> None:
    with pytest.raises(Misfit, match='aggregate = "vote" is not yet built; use "mean"'):
        join([member("a", classifier(0))], "vote")


def test_models_work_alone(rows: np.ndarray) -> None:
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(2, n_jobs=2)).fit(rows, [0, 1] * 20)
    work_alone(forest)
    assert forest[-1].n_jobs == 1
