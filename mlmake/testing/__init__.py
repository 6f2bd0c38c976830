"""For tests of your own pipelines; this page only names the public interface, and says what has to be installed."""

try:
    import hypothesis as _needed  # noqa: F401 - everybody who tests pipelines is given strategies too
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "mlmake.testing needs Hypothesis: pip install 'mlmake[testing]'", name="hypothesis"
    ) from error

from mlmake.testing.pipeline import Built, Change, Pipeline, Planned
from mlmake.testing.strategies import changes, histories, settings_of, values

__all__ = ["Built", "Change", "Pipeline", "Planned", "changes", "histories", "settings_of", "values"]
