"""What came of a step that was run twice, as values; it does not know how it was run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Output:
    """An output, and where what the two runs left first differs; None if it does not."""

    path: str
    difference: str | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a step run twice. `trouble` says why there is nothing to compare, `log` the end of its log then.

    `kept` is where the outputs that differ are, by absolute path; empty if none do.
    """

    action: str
    outputs: tuple[Output, ...] = ()
    seconds: tuple[float, ...] = ()
    trouble: str | None = None
    log: tuple[str, ...] = ()
    kept: str = ""

    @property
    def same(self) -> bool:
        """It ran twice and left the same."""
        return self.trouble is None and all(output.difference is None for output in self.outputs)
