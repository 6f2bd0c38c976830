"""How a build is to be carried out; it does not know of what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlmake.ports import Origin
from mlmake.running.order import Surroundings


class _NoOrigin:
    """Nobody wants to know where results are made."""

    def ask(self) -> None:
        pass  # there is nothing to find out

    def told(self) -> Mapping[str, str]:
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to build. `jobs` is the number of steps at once, none for the totals' CPUs; `retries` goes for all steps.

    `log_path` gives the absolute path of the log for a name. `foreground` is an action that somebody debugs: it is
    tried only once. `room` tells of a disk that lacks room for so many bytes of outputs, and with True for the same in
    the store: the place, the bytes needed there, the bytes free.
    """

    run: str
    around: Surroundings
    log_path: Callable[[str], str]
    jobs: int | None = None
    keep_going: bool = False
    frozen: bool = False
    retries: int | None = None
    foreground: str | None = None
    origin: Origin = _NoOrigin()
    room: Callable[[int, bool], tuple[str, int, int] | None] = lambda size, kept: None
