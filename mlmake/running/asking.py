"""What validators said in one build, and how they are asked beside its loop; it does not know what follows from it."""

from collections.abc import Callable
from dataclasses import replace

from mlmake.model.graph import Action
from mlmake.model.observation import Observation
from mlmake.ports import Sources


class NotAsked(Exception):
    """The validator has not been asked yet."""


class Asking:
    """Each validator is asked once a judgement; `content` asks for what sources hold too."""

    def __init__(self, sources: Sources, *, content: bool) -> None:
        self._sources, self._content = sources, content
        self._heard: dict[str, Observation] = {}

    def heard(self, action: Action, content: bool) -> Observation:
        """What the validator said in this build. Raises NotAsked: asking may take long, so the loop does not wait."""
        if action.id not in self._heard:
            raise NotAsked
        return self._heard[action.id]

    def hear(self, name: str, said: Observation) -> None:
        """A validator has answered."""
        self._heard[name] = said

    def ask(self, action: Action) -> Observation:
        """Ask now, and wait."""
        return self._sources.observe(action, content=self._content)

    def around(self, action: Action, *, first: bool) -> Callable[[bool], Observation] | None:
        """Asks before (True) and after a run; before the first attempt, what was heard in this build will do.

        What the source holds is told beside its measures, so that an exact build later has what to compare with.
        """
        validity = action.policy.validity
        if not validity.asks:
            return None
        known = self._heard.get(action.id) if first else None

        def observe(before: bool) -> Observation:
            said = known if before and known is not None else self.ask(action)
            if said.error is not None or said.content is not None or validity.source is None:
                return said
            return replace(said, content=self._sources.content(action))

        return observe

    def cancel(self) -> None:
        """Wait for no answer any more."""
        self._sources.cancel()
