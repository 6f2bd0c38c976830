"""The cues of content: inputs and outputs beside those of a remembered result; they know no time and no tolerance."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mlmake.model.digest import MISSING, UNKNOWN, Version
from mlmake.model.graph import Chosen, PartGlob
from mlmake.model.reason import Code, Reason
from mlmake.model.trace import Product, Trace
from mlmake.planning.evidence import Evidence
from mlmake.planning.rebuild.packages import changed_packages

ORDER = "the order of the inputs"
"""The subject of a reason where only that has changed."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the present inputs differ from those of a result: for certain, and which paths are not known yet."""

    reasons: tuple[Reason, ...]
    unknown: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Everything is known and nothing differs."""
        return not self.reasons and not self.unknown


def compare(evidence: Evidence, trace: Trace) -> Comparison:
    """The present inputs beside those that `trace` was made from, declared and discovered ones."""
    reasons: list[Reason] = []
    unknown = [item.pattern if isinstance(item, PartGlob) else item.manifest for item in evidence.open]
    unknown += evidence.lists
    if unknown or evidence.inputs != trace.inputs:
        before = dict(trace.inputs)
        for path, version in evidence.inputs:
            if path not in before and not (evidence.lists and version is UNKNOWN):
                reasons.append(Reason(Code.INPUT_ADDED, path, None, shown(version)))
            elif version is UNKNOWN:
                unknown.append(path)
            elif version != before[path]:
                reasons.append(Reason(Code.INPUT_CHANGED, path, before[path], shown(version)))
        now = dict(evidence.inputs)
        reasons += [
            Reason(Code.INPUT_REMOVED, path, digest, None)
            for path, digest in trace.inputs
            if path not in now and not evidence.lists and not any(_may_hold(item, path) for item in evidence.open)
        ]
        if not reasons and not unknown:
            reasons.append(Reason(Code.INPUT_CHANGED, ORDER))
    declared = {path for path, _ in evidence.inputs}
    for path, digest in trace.discovered:
        if path in declared:
            continue
        version = evidence.version(path)
        if version is UNKNOWN:
            unknown.append(path)
        elif version != digest:
            code = Code.INPUT_CHANGED if path in trace.read else Code.CODE_CHANGED
            reasons.append(Reason(code, path, digest, shown(version)))
    if "packages" in evidence.action.policy.track:
        reasons += changed_packages(evidence.installed, trace)
    return Comparison(tuple(reasons), tuple(unknown))


def _may_hold(item: PartGlob | Chosen, path: str) -> bool:
    """Whether an input whose set is not known yet may come to hold this path."""
    return fnmatchcase(path, item.pattern) if isinstance(item, PartGlob) else path in item.candidates


def spoiled(evidence: Evidence, trace: Trace) -> Iterator[tuple[Reason, Product]]:
    """The outputs of a result that are not on disk as it left them."""
    for product in trace.outputs:
        version = evidence.version(product.path)
        if version is MISSING:
            yield Reason(Code.OUTPUT_MISSING, product.path), product
        elif version != product.digest:
            yield Reason(Code.OUTPUT_ALTERED, product.path, product.digest, shown(version)), product


def shown(version: Version) -> str | None:
    """A version for a reason: its digest, or none where nothing is there or it is not known."""
    return version if isinstance(version, str) else None
