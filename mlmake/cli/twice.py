"""`mlmake build --check-deterministic`: what two runs of a step left, compared; it runs nothing itself."""

import sys
import time

from mlmake.app import App
from mlmake.cli.ending import FAILED
from mlmake.cli.settings import Settings
from mlmake.twice import Stopped, check_twice
from mlmake.views.jsonl import encoded
from mlmake.views.twice import twice_fields, twice_lines


def compare_twice(app: App, word: str, settings: Settings) -> int:
    """Run what `word` names twice, tell of each step, and give the exit code."""
    code = 0
    try:
        for checked in check_twice(app, word):
            code = code if checked.same else FAILED
            if settings.json:
                sys.stdout.buffer.write(encoded(twice_fields(checked, time=time.time())) + b"\n")
                sys.stdout.buffer.flush()
            elif not (settings.quiet and checked.same):
                print("\n".join(twice_lines(checked, settings.screen())), flush=True)
    except Stopped as stopped:
        number: int = stopped.args[0]
        return 128 + number
    return code
