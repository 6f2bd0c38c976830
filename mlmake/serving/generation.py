"""The models that answer now, changed as a whole or not at all; it knows nothing of requests."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlmake.model.digest import digest_of
from mlmake.model.event import LiveModel
from mlmake.model.release import Manner, ReleasedModel
from mlmake.serving.ensemble import Ensemble, Member, Misfit, join, work_alone
from mlmake.serving.loader import Fetched, Refused, open_model
from mlmake.serving.protocol import BadRequest, Interface, interface_of, read_question


@dataclass(frozen=True, slots=True)
class Generation:
    """One set of live models of one serve; `version` is the same wherever the same models answer in this order."""

    serve: str
    version: str
    ensemble: Ensemble
    interface: Interface
    manner: Manner

    @property
    def named(self) -> str:
        """`INSTANCE:DIGEST` of each model that makes the answers, best first, separated by spaces."""
        return " ".join(f"{member.instance}:{member.digest}" for member in self.ensemble.answering)

    @property
    def live(self) -> tuple[LiveModel, ...]:
        """All models, as an event tells them."""
        return tuple(LiveModel(member.instance, member.digest, member.rank) for member in self.ensemble.members)


class Stage:
    """Which generation answers for each name. Any thread may look; one thread swaps.

    Who answers a request looks once and holds what it saw: a swap meanwhile does not touch it.
    """

    def __init__(self, serves: Iterable[str]) -> None:
        self._now: Mapping[str, Generation | None] = dict.fromkeys(serves)

    @property
    def serves(self) -> tuple[str, ...]:
        """All names, with and without live models."""
        return tuple(self._now)

    @property
    def is_ready(self) -> bool:
        """At least one name has live models; once true it stays true."""
        return any(self._now.values())

    def current(self, serve: str) -> Generation | None:
        """Who answers for this name, none before the first release. Raises KeyError for a name not served."""
        return self._now[serve]

    def swap(self, generation: Generation) -> None:
        """Let these answer from now on: one store of an attribute, so nobody sees a part of it."""
        self._now = {**self._now, generation.serve: generation}


def compose(serve: str, members: Sequence[Member], manner: Manner) -> Generation:
    """The generation of these members. Raises `Misfit`."""
    ensemble = join(members, manner.aggregate, manner.method)
    version = digest_of([part for member in members for part in (member.instance, member.digest)])
    return Generation(serve, version[:12], ensemble, interface_of(ensemble, manner.inputs, manner.outputs), manner)


def open_member(model: ReleasedModel, fetched: Fetched, manner: Manner) -> Member:
    """The member for a model that was fetched. Raises `Refused`."""
    estimator = open_model(model, fetched, manner.loader)
    try:
        work_alone(estimator)
    except BaseException as error:
        # Foreign code again.
        raise Refused(f"{model.instance}: {type(error).__name__}: {error}") from error
    return Member(model.instance, model.digest, model.rank, estimator, fetched.folder)


def warm(generation: Generation, request: bytes | None) -> None:
    """Let a generation answer once before it goes live. Raises `Misfit` if it does not."""
    if request is None:
        return
    place = f"warmup {generation.manner.warmup}"
    try:
        question = read_question(request, generation.interface)
    except BadRequest as error:
        raise Misfit(f"{place}: {error}") from error
    try:
        generation.ensemble.answer(question.rows)
    except BaseException as error:
        # Foreign code, which may raise anything.
        names = ", ".join(member.instance for member in generation.ensemble.members)
        raise Misfit(f"{place}: {names}: {type(error).__name__}: {error}") from error
