"""A few numbers as one short word of bars; it does not know what they measure."""

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
PLAIN = "_.-~=+*#"
"""The same in ASCII, from low to high."""


def sparkline(values: Sequence[float], *, symbols: bool = True) -> str:
    """A bar a value between the lowest and the highest of them; `?` for what is no finite number.

    Values that are all equal stand in the middle.
    """
    bars = BARS if symbols else PLAIN
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    # Halved first: the span of two huge numbers would be infinite.
    span = high / 2 - low / 2

    def bar(value: float) -> str:
        if not math.isfinite(value):
            return "?"
        if span <= 0:
            return bars[len(bars) // 2 - 1]
        return bars[min(len(bars) - 1, int((value / 2 - low / 2) / span * len(bars)))]

    return "".join(map(bar, values))
