"""Which kept results were made with other packages than there are now, each told once; it judges nothing."""

from collections.abc import Iterator

from mlmake.model.reason import Reason
from mlmake.model.trace import Trace
from mlmake.planning.rebuild.packages import changed_packages
from mlmake.ports import Installed
from mlmake.running import mishaps
from mlmake.running.ledger import Ledger


class Outdated:
    """Collects them over a build, those with the same changes together."""

    def __init__(self, installed: Installed, ledger: Ledger) -> None:
        self._installed, self._ledger = installed, ledger
        self._found: dict[tuple[Reason, ...], list[str]] = {}

    def look(self, name: str, result: Trace) -> None:
        """Note which packages of a result that stands have changed, if the user was not told before."""
        changes = tuple(changed_packages(self._installed.now, result)) if result.packages else ()
        if changes:
            text = " ".join((result.run, *(f"{r.subject}={r.new}" for r in changes)))
            if self._ledger.traces.warned(name) != text:
                self._ledger.warn(name, text)
                self._found.setdefault(changes, []).append(name)

    def warnings(self) -> Iterator[str]:
        """A sentence for each set of changes."""
        for changes, names in self._found.items():
            yield mishaps.other_packages(names, changes)
