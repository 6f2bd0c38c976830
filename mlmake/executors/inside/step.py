"""What a running step may know of itself, and how it tells metrics; stands alone, in any CPython from 3.8 on.

It knows nothing of the build: what it tells comes from the environment or from who called the step's function.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Step:
    """One attempt of one instance of a target."""

    def __init__(self, context: Mapping[str, Any], *, report: str | None) -> None:
        """`report` is the file that takes metrics; without it they go nowhere."""
        self.target: str = context.get("target") or ""
        self.instance: str = context.get("instance") or self.target
        self.attempt: int = int(context.get("attempt") or 1)
        self.matrix: Mapping[str, Any] = context.get("matrix") or {}
        self.inputs: Any = context.get("inputs") or {}
        self.outputs: Any = context.get("outputs") or {}
        self.params: Mapping[str, Any] = context.get("params") or {}
        self._report = report

    def report(self, **metrics: Any) -> None:
        """Show metrics while the step runs: anything that is a number. Raises TypeError for what is not."""
        numbers = {}
        for name, value in metrics.items():
            try:
                numbers[name] = float(value)
            except (TypeError, ValueError):
                raise TypeError(f"step.report: {name} is {value!r}, which is not a number") from None
        if self._report is None:
            return
        # One write of one line: other processes of the step may report too.
        file = os.open(self._report, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(file, (json.dumps({"metrics": numbers}) + "\n").encode())
        finally:
            os.close(file)

    def __repr__(self) -> str:
        return f"<step {self.instance or 'outside mlmake'}>"


def current() -> Step:
    """The step this process belongs to, read from the environment; outside of one everything is empty."""

    def read(name: str) -> Any:
        text = os.environ.get(name)
        if not text and (file_name := os.environ.get(name + "_FILE")):  # too long for a variable
            with open(file_name, encoding="utf-8") as file:
                text = file.read()
        return json.loads(text) if text else {}

    context = {
        "target": os.environ.get("MLMAKE_TARGET"),
        "instance": os.environ.get("MLMAKE_INSTANCE"),
        "attempt": os.environ.get("MLMAKE_ATTEMPT"),
        "matrix": read("MLMAKE_MATRIX"),
        "inputs": _paths(read("MLMAKE_INPUTS")),
        "outputs": _paths(read("MLMAKE_OUTPUTS")),
        "params": read("MLMAKE_PARAMS"),
    }
    return Step(context, report=os.environ.get("MLMAKE_REPORT"))


def _paths(value: Any) -> Any:
    if isinstance(value, str):
        return Path(value)
    if isinstance(value, list):
        return [_paths(item) for item in value]
    if isinstance(value, dict):
        return {name: _paths(item) for name, item in value.items()}
    return value
