"""The command on a copy of a project, as a process of its own that shares neither state nor store with anybody."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

UNDERSTOOD = (0, 1, 3)
"""Exit codes after which what was said can be read; after others something is wrong with the project itself."""

SHOWN_LINES = 20
"""Lines of a log that are shown of a step that has failed."""


def told_by(command: str, root: str, words: Sequence[str], *, settings: Mapping[str, str]) -> tuple[list[Any], str]:
    """The documents that a command prints, and what it says beside. Raises ValueError for what it refuses."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLMAKE_")}
    own = os.path.join(root, ".mlmake")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mlmake", command, "--json"),
            *(f"--set={name}={text}" for name, text in settings.items()),
            *words,
        ],
        cwd=root,
        env={**kept, "MLMAKE_STATE_DIR": own, "MLMAKE_CACHE_DIR": os.path.join(own, "cache")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode not in UNDERSTOOD:
        raise ValueError(f"mlmake {command} ended with {done.returncode}\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line], done.stderr


def failures(ends: Sequence[Mapping[str, Any]]) -> str:
    """Why steps have failed, by the events of their ends, each with the end of its log."""
    told = []
    for end in ends:
        if end["outcome"] in ("failed", "timed-out", "disturbed"):
            told.append(f"{end['instance']}: {end['detail']}")
            if end["log"] and os.path.isfile(end["log"]):
                with open(end["log"], encoding="utf-8", errors="replace") as file:
                    told += ["    " + line for line in file.read().splitlines()[-SHOWN_LINES:]]
    return "\n".join(told)
