"""The cue of packages: the versions that a result was made with beside those installed now; it looks at nothing."""

from collections.abc import Callable, Iterator, Mapping

from mlmake.model.reason import Code, Reason
from mlmake.model.trace import Packages, Trace


def changed_packages(installed: Callable[[Packages], Mapping[str, str]], trace: Trace) -> Iterator[Reason]:
    """The packages that a result was made with and that have another version now, or are gone."""
    for packages in trace.packages:
        now = installed(packages)
        if now == packages.versions:
            continue
        for name, version in packages.versions.items():
            if now.get(name) != version:
                yield Reason(Code.CODE_CHANGED, f"package {name}", version, now.get(name))
