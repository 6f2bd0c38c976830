"""For tests of your own pipelines; this page only names the public interface, and says what has to be installed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

try:
    import hypothesis as _needed  # noqa: F401 - everybody who tests pipelines is given strategies too
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "mlmake.testing needs Hypothesis: pip install 'mlmake[testing]'", name="hypothesis"
    ) from error

if TYPE_CHECKING:
    from mlmake.testing.pipeline import Built, Change, Pipeline, Planned
    from mlmake.testing.strategies import changes, histories, settings_of, values

__all__ = ["Built", "Change", "Pipeline", "Planned", "changes", "histories", "settings_of", "values"]

_STRATEGIES = ("changes", "histories", "settings_of", "values")


def __getattr__(name: str) -> Any:
    """What is asked for: who wants the toy world only must not load the planner, which is what it tries."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"mlmake.testing.{'strategies' if name in _STRATEGIES else 'pipeline'}"), name)
