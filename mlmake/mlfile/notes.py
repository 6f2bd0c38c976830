"""The problems found so far, each once and not a thousand of a kind; it does not know what is a problem."""

from collections.abc import Iterable

from mlmake.mlfile.interpolate import Mistake
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.problems import Place, Problem

MOST_AT_ONE_PLACE = 5


class Notes:
    """Collects problems in order; of those at one key path it keeps the first few and counts the rest."""

    def __init__(self) -> None:
        self._found: dict[KeyPath, dict[str, Problem]] = {}
        self._more: dict[KeyPath, int] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, where: KeyPath, what: str, hint: str | None = None, *, also: tuple[Place, ...] = ()) -> None:
        """Note a problem at the value of a key path."""
        self.take(Problem(where, what, hint, also=also))

    def take(self, problem: Problem) -> None:
        """Note a problem that is already one."""
        here = self._found.setdefault(problem.where, {})
        if problem.what in here:
            return
        if len(here) >= MOST_AT_ONE_PLACE:
            self._more[problem.where] = self._more.get(problem.where, 0) + 1
        else:
            here[problem.what] = problem

    def mistakes(self, where: KeyPath, mistakes: Iterable[Mistake]) -> None:
        """Note what is wrong with a text at a key path."""
        for mistake in mistakes:
            self.add(where, mistake.what, mistake.hint)

    def problems(self) -> tuple[Problem, ...]:
        """All that was noted, by place in the order of finding."""
        rows: list[Problem] = []
        for where, here in self._found.items():
            rows += here.values()
            if more := self._more.get(where):
                rows.append(Problem(where, f"and {more} more of this kind"))
        return tuple(rows)
