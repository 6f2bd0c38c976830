"""A declarative, Make-style build system for machine-learning artifacts; this page only names the public interface."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlmake.executors.inside.step import Step

__version__ = "0.1.0"
__all__ = ["__version__", "step"]


def step() -> "Step":
    """The step that this process runs: its target, instance, inputs, outputs, parameters; `report(**metrics)` tells.

    Outside of a step everything is empty.
    """
    # Only steps ask for it; the command line starts without.
    from mlmake.executors.inside.step import current  # noqa: PLC0415

    return current()
