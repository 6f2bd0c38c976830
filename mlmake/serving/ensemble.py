"""Fitted estimators that answer as one; it does not know where they came from or who asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[Any]
Column: TypeAlias = NDArray[Any]


class Misfit(Exception):
    """A model cannot answer, or not together with the others; the message names it and says why."""


class Kind(Enum):
    """What is averaged: probabilities of classes, numbers, or nothing (one classifier without probabilities)."""

    PROBABILITIES = "probabilities"
    VALUES = "values"
    LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Member:
    """One model: the instance that made it, the digest of its bytes, its rank from 1, the fitted estimator."""

    instance: str
    digest: str
    rank: int
    estimator: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What the members say together: a label or number a row; the probabilities have a column a class, or are none."""

    predict: Column
    probabilities: Rows | None


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Members, best first, that fit together. `classes` are sorted; `features` is the width of a row, if known.

    `orders` holds for each member which of its columns belongs to each of `classes`.
    """

    members: tuple[Member, ...]
    kind: Kind
    classes: Column | None
    features: int | None
    orders: tuple[NDArray[np.intp], ...]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what it can answer."""
        return ("predict", "probabilities") if self.kind is Kind.PROBABILITIES else ("predict",)

    def answer(self, rows: Rows) -> Answer:
        """The members' common answer; members are added up in order of rank, so that it is the same every time."""
        match self.kind:
            case Kind.LABELS:
                return Answer(np.asarray(self.members[0].estimator.predict(rows)), None)
            case Kind.VALUES:
                values = [np.asarray(member.estimator.predict(rows), dtype=float) for member in self.members]
                return Answer(np.mean(values, axis=0), None)
            case Kind.PROBABILITIES:
                assert self.classes is not None
                each = [
                    member.estimator.predict_proba(rows)[:, order]
                    for member, order in zip(self.members, self.orders, strict=True)
                ]
                probabilities = np.mean(each, axis=0)
                return Answer(self.classes[probabilities.argmax(axis=1)], probabilities)


def join(members: Sequence[Member], aggregate: str = "mean") -> Ensemble:
    """The members as one. Raises `Misfit` if one has other classes, another width or another kind than the first."""
    if aggregate != "mean":
        raise Misfit(f'aggregate = "{aggregate}" is not yet built; use "mean"')
    if not members:
        raise Misfit("no models to serve")
    kinds = [kind_of(member) for member in members]
    for member, kind in zip(members, kinds, strict=True):
        if kind is not kinds[0]:
            raise Misfit(f"{member.instance}: answers with {kind.value}, {members[0].instance} with {kinds[0].value}")
    if kinds[0] is Kind.LABELS and len(members) > 1:
        raise Misfit(f"{members[0].instance}: has no predict_proba, so there is nothing to take the mean of")
    classes = None if kinds[0] is Kind.VALUES else np.unique(members[0].estimator.classes_)
    return Ensemble(
        tuple(members),
        kinds[0],
        classes,
        common_width(members),
        () if classes is None else tuple(column_order(member, classes, members[0]) for member in members),
    )


def kind_of(member: Member) -> Kind:
    """What this member can answer. Raises `Misfit` if nothing that can be served."""
    estimator = member.estimator
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, list):
        raise Misfit(f"{member.instance}: answers several questions at once (a list of classes); serve one a model")
    if classes is not None and hasattr(estimator, "predict_proba"):
        return Kind.PROBABILITIES
    if not hasattr(estimator, "predict"):
        raise Misfit(f"{member.instance}: a {type(estimator).__name__} has no predict; save a fitted estimator")
    return Kind.VALUES if classes is None else Kind.LABELS


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
