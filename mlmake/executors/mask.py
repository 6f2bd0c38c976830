"""Secrets in a stream of bytes become `***`; it knows nothing of where the bytes come from or go."""

import re
from collections.abc import Iterable

_STARS = b"***"


class Mask:
    """Masks one stream that comes in chunks; a secret may lie across them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {secret.encode("utf-8", "surrogateescape") for secret in secrets}
        # The longest first: one secret may begin with another.
        self._secrets = sorted((secret for secret in found if secret), key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets))) if self._secrets else None
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """What may be shown now; the beginning of what may become a secret is held back."""
        if self._pattern is None:
            return chunk
        data = self._held + chunk
        shown: list[bytes] = []
        done = 0
        hold = self._hold(data, done)
        for match in self._pattern.finditer(data):
            if match.start() >= hold:
                break
            shown += (data[done : match.start()], _STARS)
            done = match.end()
            if done > hold:
                hold = self._hold(data, done)
        shown.append(data[done:hold])
        self._held = data[hold:]
        return b"".join(shown)

    def end(self) -> bytes:
        """What was held back, when the stream has ended."""
        held, self._held = self._held, b""
        return self._pattern.sub(_STARS, held) if self._pattern is not None else held

    def _hold(self, data: bytes, start: int) -> int:
        """The first place from which all that is there is the beginning of a longer secret."""
        for place in range(max(start, len(data) - len(self._secrets[0]) + 1), len(data)):
            rest = data[place:]
            if any(len(secret) > len(rest) and secret.startswith(rest) for secret in self._secrets):
                return place
        return len(data)
