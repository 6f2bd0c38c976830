"""A declarative, Make-style build system for machine-learning artifacts; this page only names the public interface."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlmake.api import Error, NotRecorded, build, load, path, plan, status
    from mlmake.executors.inside.step import Step
    from mlmake.model.decision import Decision, Verb
    from mlmake.model.event import Event, RunFinished
    from mlmake.model.plan import Plan
    from mlmake.model.reason import Reason
    from mlmake.views.documents import State

__version__ = "0.1.0"
__all__ = [
    "Decision",
    "Error",
    "Event",
    "NotRecorded",
    "Plan",
    "Reason",
    "RunFinished",
    "State",
    "Verb",
    "__version__",
    "build",
    "load",
    "path",
    "plan",
    "status",
    "step",
]

_HOMES = {
    **dict.fromkeys(("Error", "NotRecorded", "build", "load", "path", "plan", "status"), "mlmake.api"),
    **dict.fromkeys(("Decision", "Verb"), "mlmake.model.decision"),
    **dict.fromkeys(("Event", "RunFinished"), "mlmake.model.event"),
    "Plan": "mlmake.model.plan",
    "Reason": "mlmake.model.reason",
    "State": "mlmake.views.documents",
}
"""Where each name of the interface is; imported when somebody asks for it."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A name of the interface. The command line and steps start without all that is behind it."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - see above

        return getattr(import_module(_HOMES[name]), name)

    def __dir__() -> list[str]:
        return [*globals(), *_HOMES]


def step() -> "Step":
    """The step that this process runs: its target, instance, inputs, outputs, parameters; `report(**metrics)` tells.

    Outside of a step everything is empty.
    """
    # Only steps ask for it; the command line starts without.
    from mlmake.executors.inside.step import current  # noqa: PLC0415

    return current()
