"""The names of runs and of the logs in them; it does not know where they lie."""

import os
import time
from urllib.parse import quote

from xxhash import xxh3_64_hexdigest

LONGEST_NAME = 180
"""Bytes of a log's name before its digest takes over."""


def new_run(now: float) -> str:
    """A run's id: sorts by time, and two at once differ."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{os.urandom(2).hex()}"


def log_name(instance: str) -> str:
    """The file name of an instance's log: of an identifier only "/" is left to be encoded."""
    name = quote(instance, safe="@=,+._-%", errors="surrogateescape")
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}-{xxh3_64_hexdigest(instance.encode('utf-8', 'surrogateescape'))}"
    return f"{name}.log"
