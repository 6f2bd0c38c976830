"""Why a decision was taken: a closed list of codes with what changed; the sentences are made in planning.explain."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Every reason there is; the names are part of the machine-readable contract."""

    FORCED = "forced"
    NEVER_BUILT = "never-built"
    RECIPE_CHANGED = "recipe-changed"
    PARAM_CHANGED = "param-changed"
    ENV_CHANGED = "env-changed"
    CODE_CHANGED = "code-changed"
    INPUT_CHANGED = "input-changed"
    INPUT_ADDED = "input-added"
    INPUT_REMOVED = "input-removed"
    OUTPUT_MISSING = "output-missing"
    OUTPUT_ALTERED = "output-altered"
    EXPIRED = "expired"
    SOURCE_CHANGED = "source-changed"
    STALE = "stale"
    ALWAYS = "always"
    FRESH = "fresh"
    REVALIDATED = "revalidated"
    ENOUGH = "enough"
    UP_TO_DATE = "up-to-date"
    STALE_IF_ERROR = "stale-if-error"
    INPUT_MAY_CHANGE = "input-may-change"
    CACHED = "cached"
    ACCEPTED = "accepted"


Plain = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause: what it is about (a parameter, a path, an output), its value before and now, and what else to say."""

    code: Code
    subject: str = ""
    old: Plain = None
    new: Plain = None
    note: str = ""
