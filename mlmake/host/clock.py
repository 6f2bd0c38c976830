"""The time of this machine; it knows nothing of windows or ages."""

import time


class SystemClock:
    """The wall clock and the steady one."""

    def now(self) -> float:
        """See `Clock.now`."""
        return time.time()

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()
