"""Fitted estimators that answer as one; it does not know where they came from or who asks."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlmake.serving.loader import find_function

Rows: TypeAlias = NDArray[Any]
Column: TypeAlias = NDArray[Any]


class Misfit(Exception):
    """A model cannot answer, or not together with the others; the message names it and says why."""


class Kind(Enum):
    """What a model answers with: probabilities of classes, numbers, or the labels of classes."""

    PROBABILITIES = "probabilities"
    VALUES = "values"
    LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Member:
    """One model: the instance that made it, the digest of its bytes, its rank from 1, the fitted estimator.

    `files` is what has to stay as long as the estimator does.
    """

    instance: str
    digest: str
    rank: int
    estimator: Any
    files: object = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the members say together: a label or number a row; the probabilities have a column a class, or are none."""

    predict: Column
    probabilities: Rows | None

    def part(self, first: int, last: int) -> "Answer":
        """The answer for some of the rows."""
        return Answer(self.predict[first:last], None if self.probabilities is None else self.probabilities[first:last])


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Members, best first, that fit together. `classes` are sorted; `features` is the width of a row, if known.

    `orders` holds for each member which of its columns belongs to each of `classes`. `method` is what each member is
    asked, `kind` what it says, `gives` the kind of the common answer. `answering` are the members that are asked.
    """

    members: tuple[Member, ...]
    answering: tuple[Member, ...]
    kind: Kind
    gives: Kind
    method: str
    aggregate: Callable[[list[NDArray[Any]]], NDArray[Any]]
    classes: Column | None
    features: int | None
    orders: tuple[NDArray[np.intp], ...]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what it can answer."""
        return ("predict", "probabilities") if self.gives is Kind.PROBABILITIES else ("predict",)

    def answer(self, rows: Rows) -> Answer:
        """The members' common answer; they are asked in order of rank, so that it is the same every time."""
        joined = self.aggregate([self._ask(member, at, rows) for at, member in enumerate(self.answering)])
        if joined.shape[:1] != (len(rows),):
            raise ValueError(f"{len(rows)} rows were asked about, and the answer has the shape {list(joined.shape)}")
        if self.gives is Kind.PROBABILITIES:
            assert self.classes is not None
            return Answer(self.classes[joined.argmax(axis=1)], joined)
        return Answer(joined, None)

    def _ask(self, member: Member, at: int, rows: Rows) -> NDArray[Any]:
        told = np.asarray(getattr(member.estimator, self.method)(rows))
        if self.kind is Kind.PROBABILITIES:
            return told[:, self.orders[at]]
        return told.astype(float) if self.kind is Kind.VALUES else told


def join(members: Sequence[Member], aggregate: str = "mean", method: str = "auto") -> Ensemble:
    """The members as one. Raises `Misfit` if one has other classes, another width or another kind than the first."""
    if not members:
        raise Misfit("no models to serve")
    # Who votes needs no probabilities, and a model's own label is what it stands for.
    wanted = "predict" if method == "auto" and aggregate == "vote" else method
    asked = [method_of(member, wanted) for member in members]
    for member, found in zip(members, asked, strict=True):
        if found != asked[0]:
            first = f"{members[0].instance} with {asked[0][1].value}"
            raise Misfit(f"{member.instance}: answers with {found[1].value}, {first}")
    name, kind = asked[0]
    known = [getattr(member.estimator, "classes_", None) for member in members]
    classes = None if kind is Kind.VALUES or known[0] is None else np.unique(known[0])
    orders = () if classes is None else tuple(column_order(member, classes, members[0]) for member in members)
    joined, gives = joint(aggregate, members, kind, classes)
    # The best of all answers alone: the others are live, but nobody has to wait for them.
    answering = tuple(members[:1]) if aggregate == "first" else tuple(members)
    return Ensemble(tuple(members), answering, kind, gives, name, joined, classes, common_width(members), orders)


def method_of(member: Member, method: str) -> tuple[str, Kind]:
    """What is called on this member, and what it gives. Raises `Misfit` if there is nothing that can be served."""
    estimator = member.estimator
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, list):
        raise Misfit(f"{member.instance}: answers several questions at once (a list of classes); serve one a model")
    if method == "auto":
        method = "predict_proba" if classes is not None and hasattr(estimator, "predict_proba") else "predict"
    if not hasattr(estimator, method):
        raise Misfit(f"{member.instance}: a {type(estimator).__name__} has no {method}; save a fitted estimator")
    if method == "predict_proba":
        if classes is None:
            raise Misfit(f"{member.instance}: has predict_proba but no classes_, so its columns have no names")
        return method, Kind.PROBABILITIES
    return method, Kind.LABELS if method == "predict" and classes is not None else Kind.VALUES


def joint(
    aggregate: str, members: Sequence[Member], kind: Kind, classes: Column | None
) -> tuple[Callable[[list[NDArray[Any]]], NDArray[Any]], Kind]:
    """What joins the answers of the members, and the kind of what comes out. Raises `Misfit`."""
    match aggregate:
        case "first":
            return take_first, kind
        case "mean":
            if kind is Kind.LABELS and len(members) > 1:
                raise Misfit(
                    f"{members[0].instance}: gives labels, of which there is no mean; "
                    'write aggregate = "vote", or serve models with predict_proba'
                )
            return (take_first if kind is Kind.LABELS else take_mean), kind
        case "vote":
            if classes is None:
                raise Misfit(f'{members[0].instance}: has no classes to vote for; write aggregate = "mean"')
            known: Column = classes
            if kind is Kind.PROBABILITIES:
                return (lambda told: vote([known[each.argmax(axis=1)] for each in told], known)), Kind.LABELS
            return (lambda told: vote(told, known)), Kind.LABELS
        case _:
            return own_function(aggregate, members, kind, classes)


def take_first(told: list[NDArray[Any]]) -> NDArray[Any]:
    """What the best says."""
    return told[0]


def take_mean(told: list[NDArray[Any]]) -> NDArray[Any]:
    """What they say on average."""
    return np.asarray(np.mean(told, axis=0))


def vote(told: list[NDArray[Any]], classes: Column) -> NDArray[Any]:
    """The label that most say; of those that equally many say, the one that the best of them says."""
    each = np.array([np.searchsorted(classes, labels) for labels in told])
    counts = (each[:, :, None] == np.arange(len(classes))).sum(axis=0)
    ballots = np.take_along_axis(counts.T, each, axis=0)
    return np.asarray(classes[np.take_along_axis(each, ballots.argmax(axis=0)[None], axis=0)[0]])


def own_function(
    name: str, members: Sequence[Member], kind: Kind, classes: Column | None
) -> tuple[Callable[[list[NDArray[Any]]], NDArray[Any]], Kind]:
    """The user's function. It is tried on made-up answers for one row, which tells what it gives. Raises `Misfit`.

    It gets the answers of the members, best first, and by name, if it asks, `classes` and `instances`.
    """
    columns = 1 if classes is None else len(classes)
    sample: NDArray[Any]
    if kind is Kind.PROBABILITIES:
        sample = np.full((1, columns), 1 / columns)
    else:
        sample = np.zeros(1) if classes is None else np.asarray(classes[:1])
    try:
        function = find_function(name)
        offer = {"classes": classes, "instances": [member.instance for member in members]}
        asked = {key: value for key, value in offer.items() if key in inspect.signature(function).parameters}
        shape = np.asarray(function([sample.copy() for _ in members], **asked)).shape
    except BaseException as error:
        # The user's own code: whatever it raises, it is the reason.
        raise Misfit(f"aggregate {name}: {type(error).__name__}: {error}") from error
    if shape not in ((1,), (1, columns)):
        wanted = f"[rows] or [rows, {columns}]" if classes is not None else "[rows]"
        raise Misfit(f"aggregate {name}: gives the shape {list(shape)} for one row; give {wanted}")
    gives = Kind.PROBABILITIES if classes is not None and len(shape) == 2 else Kind.VALUES
    if gives is Kind.VALUES and classes is not None:
        gives = Kind.LABELS
    return (lambda told: np.asarray(function(told, **asked))), gives


def common_width(members: Sequence[Member]) -> int | None:
    """How many numbers a row has, as far as the members tell. Raises `Misfit` if they differ."""
    widths = [(member, getattr(member.estimator, "n_features_in_", None)) for member in members]
    known = [(member, int(width)) for member, width in widths if width is not None]
    for member, width in known:
        if width != known[0][1]:
            raise Misfit(f"{member.instance}: takes rows of {width}, {known[0][0].instance} of {known[0][1]}")
    return known[0][1] if known else None


def column_order(member: Member, classes: Column, first: Member) -> NDArray[np.intp]:
    """Which of the member's columns belongs to each class. Raises `Misfit` if its classes are others."""
    own = np.asarray(member.estimator.classes_)
    order = np.argsort(own, kind="stable")
    if own.dtype.kind != classes.dtype.kind or not np.array_equal(own[order], classes):
        raise Misfit(f"{member.instance}: has the classes {own.tolist()}, {first.instance} {classes.tolist()}")
    return order


def work_alone(estimator: Any) -> None:
    """Let it answer in the calling thread: handing one row to a pool costs ten times what the answer does."""
    if hasattr(estimator, "get_params") and hasattr(estimator, "set_params"):
        counts = [name for name in estimator.get_params(deep=True) if name.rpartition("__")[2] == "n_jobs"]
        if counts:
            estimator.set_params(**dict.fromkeys(counts, 1))
