"""What is to be done with an action, and why; it does not know how it was found out or how it is carried out."""

from dataclasses import dataclass
from enum import StrEnum

from mlmake.model.reason import Reason
from mlmake.model.trace import Trace


class Verb(StrEnum):
    """The four answers of the judge; `maybe` only where an input is not known yet."""

    RUN = "run"
    RESTORE = "restore"
    SKIP = "skip"
    MAYBE = "maybe"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verb with its reasons; `result` is the remembered result that is kept or put back.

    `due` is when time alone may change it, in seconds since the epoch.
    """

    action: str
    verb: Verb
    reasons: tuple[Reason, ...]
    result: Trace | None = None
    due: float | None = None
