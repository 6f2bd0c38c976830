"""Metrics as numbers by dotted names; it does not know where they were written."""

import json


class NotMetrics(ValueError):
    """The text is no JSON object; the message says what it is."""


def flatten(text: bytes) -> dict[str, float]:
    """The numbers of a JSON object, nested keys joined by "."; anything else in it is left out. Raises NotMetrics."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotMetrics(f"it is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise NotMetrics(f"it is a JSON {type(document).__name__}, not an object of numbers")
    numbers: dict[str, float] = {}
    stack: list[tuple[str, object]] = [("", document)]
    while stack:
        prefix, value = stack.pop()
        if isinstance(value, dict):
            stack += [(f"{prefix}.{key}" if prefix else str(key), inner) for key, inner in reversed(value.items())]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers[prefix] = value
    return numbers
