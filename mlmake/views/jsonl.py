"""Events as JSON Lines, the vocabulary that scripts, journal and dashboard share; it does not know who reads them."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, assert_never

import msgspec

from mlmake.model.event import (
    Event,
    Hashing,
    MetricsReported,
    ModelsChanged,
    OutputText,
    RunFinished,
    RunStarted,
    TargetFinished,
    TargetsListed,
    TargetStarted,
    Warned,
)
from mlmake.model.reason import Reason
from mlmake.planning.explain import sentence

Json: TypeAlias = Any
"""What JSON can hold; the type checker cannot say it shorter."""

_encode = msgspec.json.Encoder().encode


def line(event: Event) -> bytes:
    """One event as one line of UTF-8, without its end."""
    document = fields(event)
    if "metrics" in document:
        document["metrics"] = speakable(document["metrics"])
    try:
        return _encode(document)
    except UnicodeEncodeError:
        return encoded(document)


def encoded(document: Json) -> bytes:
    """Any document as one line of valid JSON in UTF-8."""
    return _encode(speakable(document))


def fields(event: Event) -> dict[str, Json]:
    """The fields of an event, by the names of the contract."""
    match event:
        case RunStarted():
            return {
                "event": "run-started",
                "time": event.time,
                "run": event.run,
                "targets": event.targets,
                "jobs": event.jobs,
            }
        case TargetsListed():
            return {
                "event": "targets-listed",
                "time": event.time,
                "target": event.target,
                "targets": event.targets,
            }
        case TargetStarted():
            return {
                "event": "target-started",
                "time": event.time,
                "target": event.target,
                "instance": event.instance,
                "reasons": reasons(event.reasons),
                "attempt": event.attempt,
                "log": event.log,
            }
        case TargetFinished():
            chosen = {} if event.losers is None else {"losers": list(event.losers)}
            return {
                "event": "target-finished",
                "time": event.time,
                "target": event.target,
                "instance": event.instance,
                "outcome": event.outcome.value,
                "reasons": reasons(event.reasons),
                "seconds": event.seconds,
                "metrics": dict(event.metrics),
                "exit_code": event.exit_code,
                "saved_seconds": event.saved,
                "detail": event.detail,
                "log": event.log,
                "made_in": event.made_in,
                "complete": event.complete,
                **chosen,
            }
        case OutputText():
            return {
                "event": "output",
                "time": event.time,
                "instance": event.instance,
                "stream": event.stream,
                "text": event.text,
            }
        case MetricsReported():
            return {
                "event": "metrics-reported",
                "time": event.time,
                "instance": event.instance,
                "metrics": dict(event.metrics),
            }
        case Hashing():
            return {
                "event": "hashing",
                "time": event.time,
                "path": event.path,
                "done": event.done,
                "total": event.total,
            }
        case Warned():
            return {"event": "warned", "time": event.time, "instance": event.instance, "text": event.text}
        case ModelsChanged():
            live = [{"instance": m.instance, "digest": m.digest, "rank": m.rank} for m in event.live]
            return {"event": "models-changed", "time": event.time, "serve": event.serve, "live": live}
        case RunFinished():
            return {
                "event": "run-finished",
                "time": event.time,
                "run": event.run,
                "outcome": event.outcome,
                "ran": event.ran,
                "restored": event.restored,
                "skipped": event.skipped,
                "failed": event.failed,
                "cancelled": event.cancelled,
                "seconds": event.seconds,
                "saved_seconds": event.saved_seconds,
                "blocked": event.blocked,
            }
        case _:
            assert_never(event)


def reasons(causes: Iterable[Reason]) -> list[dict[str, Json]]:
    """Reasons with their sentences."""
    return [
        {"code": r.code.value, "subject": r.subject, "old": r.old, "new": r.new, "text": sentence(r)} for r in causes
    ]


def speakable(value: Json) -> Json:
    r"""The same with what JSON cannot say put into words: nan and infinities, and bytes that are no UTF-8 as `\x..`."""
    match value:
        case str():
            return value if value.isascii() else _text(value)
        case bool() | int() | None:
            return value
        case float():
            return value if value - value == 0 else str(value)
        case Mapping():
            return {speakable(str(key)): speakable(item) for key, item in value.items()}
        case list() | tuple():
            return [speakable(item) for item in value]
        case _:
            return str(value)


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(f"\\x{ord(c) - 0xDC00:02x}" if 0xDC80 <= ord(c) <= 0xDCFF else _lone(c) for c in text)
    return text


def _lone(c: str) -> str:
    return f"\\u{ord(c):04x}" if 0xD800 <= ord(c) <= 0xDFFF else c
