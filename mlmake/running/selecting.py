"""A selection as an attempt: from recorded metrics to the manifest; it does not know how attempts are started."""

from collections.abc import Callable, Mapping

from mlmake.model.graph import Action, Select
from mlmake.model.job import Ended, How
from mlmake.model.trace import Trace
from mlmake.planning.selection import NothingToSelect, choose, enter
from mlmake.ports import Clock, OutsideProject, Workspace
from mlmake.running import mishaps


def selecting(
    action: Action, actions: Mapping[str, Action], *, results: Mapping[str, Trace], workspace: Workspace, clock: Clock
) -> tuple[Callable[[], Ended], tuple[str, ...] | None]:
    """What writes the manifest of a selection, and who was not chosen; none if there is nothing to choose from."""
    select = action.command
    assert isinstance(select, Select), "only a selection selects"
    begun = clock.monotonic()
    entrants, left_out = enter(select, actions, results)
    try:
        choice = choose(select, entrants)
    except NothingToSelect as error:
        nobody = Ended(How.NOT_STARTED, None, clock.monotonic() - begun, detail=str(error))
        return (lambda: nobody), None
    detail = "; ".join((*left_out, *choice.warnings)) or None

    def execute() -> Ended:
        try:
            workspace.write(action.outputs[0].path, choice.manifest)
        except (OutsideProject, OSError) as error:
            return Ended(How.NOT_STARTED, None, clock.monotonic() - begun, detail=mishaps.unwritten(error))
        return Ended(How.EXITED, 0, clock.monotonic() - begun, detail=detail)

    return execute, choice.losers
