"""Brings releases to life: loads, tries, warms and swaps; it does not know who releases or who asks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mlmake.model.digest import Digest
from mlmake.model.event import LiveModel
from mlmake.model.release import Manner, Release, ReleasedModel
from mlmake.ports import ContentStore
from mlmake.serving.ensemble import Member, Misfit
from mlmake.serving.generation import Generation, Stage, compose, open_member, warm
from mlmake.serving.loader import Refused, fetch
from mlmake.serving.nursery import Nursery


@dataclass(frozen=True, slots=True)
class Swap:
    """What is live after a release, whether that has `changed`, and what was refused and not said before."""

    live: tuple[LiveModel, ...]
    changed: bool
    refused: tuple[str, ...] = ()


class Releaser:
    """Prepares what is to go live. To be used in one thread.

    Each new model is first tried in a process of its own; without a nursery it is loaded here at once.
    """

    def __init__(self, stage: Stage, *, store: ContentStore | None, nursery: Nursery | None) -> None:
        self._stage, self._store, self._nursery = stage, store, nursery
        self._bad: dict[tuple[str, Digest], str] = {}
        self._said: set[tuple[str, str]] = set()

    def go_live(self, release: Release) -> Swap:
        """Load these beside the live ones and swap as a whole; what is refused leaves the live set as it was."""
        current = self._stage.current(release.serve)
        refused: list[str] = []
        generation: Generation | None
        try:
            generation = self._prepare(release, current, refused)
        except (Refused, Misfit) as error:
            refused.append(f"{error}; serve.{release.serve} stays as it was")
            generation = current
        changed = generation is not None and (current is None or generation.version != current.version)
        if changed:
            assert generation is not None
            self._stage.swap(generation)
        news = [text for text in refused if (release.serve, text) not in self._said]
        self._said.update((release.serve, text) for text in news)
        return Swap(generation.live if generation else (), changed, tuple(news))

    def _prepare(self, release: Release, current: Generation | None, refused: list[str]) -> Generation:
        """The generation of a release. Raises `Refused`, `Misfit`."""
        request = read_warmup(release.manner)
        former = {} if current is None else {member.instance: member for member in current.ensemble.members}
        members = []
        for model in release.models:
            try:
                members.append(self._member(model, former, release.manner, request))
            except Refused as error:
                if release.chosen:
                    raise
                # No selection wants just these together: the others go live without it, or with what it was before.
                refused.append(str(error))
                if model.instance in former:
                    members.append(replace(former[model.instance], rank=model.rank))
        if not members and refused:
            raise Refused(refused.pop())
        generation = compose(release.serve, members, release.manner)
        if current is None or generation.version != current.version:
            warm(generation, request)
        return generation

    def _member(
        self, model: ReleasedModel, former: Mapping[str, Member], manner: Manner, request: bytes | None
    ) -> Member:
        """The member for a released model, loaded unless it is already. Raises `Refused`."""
        loaded = former.get(model.instance)
        if loaded is not None and loaded.digest == model.digest:
            return replace(loaded, rank=model.rank)
        key = model.instance, model.digest
        if key in self._bad:
            raise Refused(self._bad[key])
        fetched = fetch(model, manner.loader, self._store)
        try:
            if self._nursery is not None:
                self._nursery.rear(model, fetched, manner, request)
            return open_member(model, fetched, manner)
        except Refused as error:
            # The same bytes would do the same again, and cost as much.
            self._bad[key] = str(error)
            raise


def read_warmup(manner: Manner) -> bytes | None:
    """The request to warm up with. Raises `Refused`."""
    if manner.warmup is None:
        return None
    try:
        with open(manner.warmup, "rb") as file:
            return file.read()
    except OSError as error:
        raise Refused(f"warmup: cannot read {manner.warmup}: {error.strerror}; write a request into it") from error
