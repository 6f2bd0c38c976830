"""The models that answer now, changed as a whole or not at all; it knows nothing of requests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mlmake.model.digest import digest_of
from mlmake.model.event import LiveModel
from mlmake.model.release import Release, ReleasedModel
from mlmake.serving.ensemble import Ensemble, Member, Misfit, join, work_alone
from mlmake.serving.loader import Refused, load


@dataclass(frozen=True, slots=True)
class Generation:
    """One set of live models of one serve; `version` is the same wherever the same models answer in this order."""

    serve: str
    version: str
    ensemble: Ensemble

    @property
    def named(self) -> str:
        """`INSTANCE:DIGEST` of each model, best first, separated by spaces."""
        return " ".join(f"{member.instance}:{member.digest}" for member in self.ensemble.members)

    @property
    def live(self) -> tuple[LiveModel, ...]:
        """The same as an event tells it."""
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


def prepare(release: Release, current: Generation | None) -> Generation:
    """The generation of this release, loaded beside the current one, whose estimators are used again.

    Raises `Refused` if any model does not load or fit: a generation is whole or is not.
    """
    loaded = {} if current is None else {(m.instance, m.digest): m for m in current.ensemble.members}
    members = [member_of(model, loaded.get((model.instance, model.digest))) for model in release.models]
    try:
        ensemble = join(members, release.aggregate)
    except Misfit as error:
        raise Refused(f"{error}; serve.{release.serve} stays as it was") from error
    version = digest_of([part for member in members for part in (member.instance, member.digest)])
    return Generation(release.serve, version[:12], ensemble)


def member_of(model: ReleasedModel, loaded: Member | None) -> Member:
    """The member for a released model, loaded unless it is already."""
    if loaded is not None:
        return replace(loaded, rank=model.rank)
    estimator = load(model)
    work_alone(estimator)
    return Member(model.instance, model.digest, model.rank, estimator)
