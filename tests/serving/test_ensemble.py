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
            'a: gives labels, of which there is no mean; write aggregate = "vote", or serve models with predict_proba',
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


class Says:
    """A classifier that gives these labels, whatever it is asked."""

    def __init__(self, *labels: str) -> None:
        self.labels = np.array(labels)
        self.classes_ = np.array(["ant", "bee", "cat"])

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.labels


def test_votes_are_counted_and_ties_go_to_the_better_rank() -> None:
    ensemble = join(
        [
            member("a", Says("cat", "cat", "bee", "ant")),
            member("b", Says("ant", "bee", "ant", "bee")),
            member("c", Says("ant", "bee", "cat", "cat")),
        ],
        "vote",
    )
    assert ensemble.outputs == ("predict",)
    assert ensemble.answer(np.zeros((4, 1))).predict.tolist() == ["ant", "bee", "bee", "ant"]


def test_votes_of_probabilities_are_those_of_the_most_probable(classifier: Fit, rows: np.ndarray) -> None:
    fitted = [classifier(seed, ("x", "y", "z")) for seed in (1, 2, 3)]
    members = [member(name, one) for name, one in zip("abc", fitted, strict=True)]
    by_label, by_probability = join(members, "vote"), join(members, "vote", "predict_proba")
    assert by_label.answer(rows).predict.tolist() == by_probability.answer(rows).predict.tolist()


def test_the_first_answers_alone_and_all_are_live(classifier: Fit, rows: np.ndarray) -> None:
    one, two = classifier(1), classifier(2)
    ensemble = join([member("a", one), member("b", two)], "first")
    assert [m.instance for m in ensemble.members] == ["a", "b"]
    assert [m.instance for m in ensemble.answering] == ["a"]
    np.testing.assert_array_equal(ensemble.answer(rows).probabilities, one.predict_proba(rows))


def test_a_method_is_called_by_its_name(classifier: Fit, rows: np.ndarray) -> None:
    fitted = classifier(1)
    labels = join([member("a", fitted)], method="predict")
    assert labels.outputs == ("predict",)
    assert labels.answer(rows).predict.tolist() == fitted.predict(rows).tolist()
    np.testing.assert_array_equal(
        join([member("a", fitted)], method="decision_function").answer(rows).predict, fitted.decision_function(rows)
    )


def largest(told: list[np.ndarray], classes: np.ndarray, instances: list[str]) -> np.ndarray:
    assert instances == ["a", "b"]
    assert len(classes) == 3
    return np.max(told, axis=0)


def steepest(told: list[np.ndarray]) -> np.ndarray:
    return np.array(["x"] * len(told[0]))


def lost(told: list[np.ndarray]) -> np.ndarray:
    return np.zeros((2, 2))


def test_the_own_function_joins(classifier: Fit, rows: np.ndarray) -> None:
    one, two = classifier(1), classifier(2)
    members = [member("a", one), member("b", two)]
    ensemble = join(members, f"{__name__}:largest")
    assert ensemble.outputs == ("predict", "probabilities")
    expected = np.max([one.predict_proba(rows), two.predict_proba(rows)], axis=0)
    np.testing.assert_array_equal(ensemble.answer(rows).probabilities, expected)
    labels = join(members, f"{__name__}:steepest")
    assert labels.outputs == ("predict",)
    assert labels.answer(rows).predict.tolist() == ["x"] * len(rows)


@pytest.mark.parametrize(
    ("aggregate", "message"),
    [
        (
            f"{__name__}:lost",
            f"aggregate {__name__}:lost: gives the shape [2, 2] for one row; give [rows] or [rows, 3]",
        ),
        (f"{__name__}:gone", f"aggregate {__name__}:gone: AttributeError: module '{__name__}' has no attribute 'gone'"),
        ("nowhere:it", "aggregate nowhere:it: ModuleNotFoundError: No module named 'nowhere'"),
    ],
)
def test_an_own_function_that_does_not_do_is_a_misfit(classifier: Fit, aggregate: str, message: str) -> None:
    with pytest.raises(Misfit) as misfit:
        join([member("a", classifier(1)), member("b", classifier(2))], aggregate)
    assert str(misfit.value) == message


def test_numbers_have_no_votes(rows: np.ndarray) -> None:
    with pytest.raises(Misfit, match="a: has no classes to vote for"):
        join([member("a", LinearRegression().fit(rows, rows[:, 0]))], "vote")


def test_an_answer_of_another_length_is_an_error(rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"3 rows were asked about, and the answer has the shape \[4\]"):
        join([member("a", Says("ant", "ant", "ant", "ant"))], method="predict").answer(np.zeros((3, 1)))


def test_models_work_alone(rows: np.ndarray) -> None:
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(2, n_jobs=2)).fit(rows, [0, 1] * 20)
    work_alone(forest)
    assert forest[-1].n_jobs == 1
