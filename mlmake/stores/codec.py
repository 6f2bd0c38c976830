"""Remembered values as bytes with a schema and a checksum, and back; it does not know where the bytes are kept."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from xxhash import xxh3_64_digest

from mlmake.model.trace import Failure, Trace
from mlmake.ports import Counted, Stamped

SCHEMA = 1
"""Number of the layout of state and records; a higher one belongs to a newer mlmake."""

_PLAIN = bytes((SCHEMA, 0))
_ESCAPED = bytes((SCHEMA, 1))
_HEAD = 10
"""Bytes before the payload: schema, spelling, eight of checksum."""

T = TypeVar("T")

_encode = msgspec.msgpack.Encoder(enc_hook=lambda value: _as_builtin(value)).encode
_decode_trace = msgspec.msgpack.Decoder(Trace).decode
_decode_failure = msgspec.msgpack.Decoder(Failure).decode
_decode_time = msgspec.msgpack.Decoder(float).decode
_decode_stamped = msgspec.msgpack.Decoder(Stamped).decode
_decode_counted = msgspec.msgpack.Decoder(Counted).decode


def pack(value: Trace | Failure | Stamped | Counted) -> bytes:
    """A value as bytes that can be told from damaged ones."""
    head = _PLAIN
    try:
        payload = _encode(value)
    except (UnicodeEncodeError, OverflowError):
        # A name that is not UTF-8, or a number beyond 64 bits: rare, so only these pay for being respelled.
        head, payload = _ESCAPED, _encode(_respelled(value, _escape))
    return head + xxh3_64_digest(head + payload) + payload


def unpack_trace(data: bytes | memoryview | None) -> Trace | None:
    """The trace in these bytes; None if there is none or it cannot be read."""
    return _unpack(data, _decode_trace)


def unpack_failure(data: bytes | memoryview | None) -> Failure | None:
    """The failure in these bytes; None if there is none or it cannot be read."""
    return _unpack(data, _decode_failure)


def unpack_stamped(data: bytes | memoryview | None) -> Stamped | None:
    """The stamped digest in these bytes; None if there is none or it cannot be read."""
    return _unpack(data, _decode_stamped)


def unpack_counted(data: bytes | memoryview | None) -> Counted | None:
    """The same for a remembered number."""
    return _unpack(data, _decode_counted)


def pack_time(at: float) -> bytes:
    """A time as bytes that can be told from damaged ones."""
    payload = _encode(at)
    return _PLAIN + xxh3_64_digest(_PLAIN + payload) + payload


def unpack_time(data: bytes | memoryview | None) -> float | None:
    """The time in these bytes; None if there is none or it cannot be read."""
    return _unpack(data, _decode_time)


def trace_to_json(trace: Trace) -> bytes:
    """A trace as one line of JSON; bytes that are not UTF-8 show as lone surrogates."""
    record = {"schema": SCHEMA, "trace": trace}
    try:
        if not all(map(math.isfinite, _numbers(trace))):
            raise OverflowError("JSON proper has no such numbers")
        return msgspec.json.encode(record, enc_hook=_as_builtin)
    except (UnicodeEncodeError, OverflowError):
        import json  # noqa: PLC0415 - slow to load, and only such names and numbers need it

        return json.dumps(msgspec.to_builtins(record, enc_hook=_as_builtin)).encode()


def _numbers(trace: Trace) -> Iterator[float]:
    """Every number of a trace that may be infinite or none."""
    yield from trace.metrics.values()
    shown = [value for r in trace.reasons for value in (r.old, r.new)] + [f.shown for f in trace.facts]
    yield from (value for value in shown if isinstance(value, float))


def trace_from_json(data: bytes) -> Trace | None:
    """The trace in a plain record; None if it cannot be read."""
    try:
        record = _decode_record(data)
    except (msgspec.DecodeError, UnicodeError):
        import json  # noqa: PLC0415 - slow to load, and only such names and numbers need it

        try:
            record = msgspec.convert(json.loads(data), _Record)
        except (ValueError, RecursionError):
            return None
    return record.trace if record.schema == SCHEMA else None


class _Record(msgspec.Struct):
    schema: int
    trace: Trace


_decode_record = msgspec.json.Decoder(_Record).decode


def _unpack(data: bytes | memoryview | None, decode: Callable[[Any], T]) -> T | None:
    if data is None or len(data) < _HEAD or data[0] != SCHEMA:
        return None
    head, payload = bytes(data[:2]), data[_HEAD:]
    if xxh3_64_digest(head + bytes(payload)) != data[2:_HEAD]:
        return None
    try:
        value = decode(payload)
        return value if head == _PLAIN else _respelled(value, _unescape)
    except (msgspec.DecodeError, UnicodeError):
        return None


def _respelled(value: T, spell: Callable[[object], object]) -> T:
    """The same value with every string and number in it spelled otherwise."""
    return _walk(value, spell)  # type: ignore[return-value]


def _walk(value: object, spell: Callable[[object], object]) -> object:
    if isinstance(value, StrEnum):
        return value
    if isinstance(value, str | int):
        return spell(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: _walk(getattr(value, f.name), spell) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **changed)
    if isinstance(value, tuple | list):
        return tuple(_walk(item, spell) for item in value)
    if isinstance(value, Mapping):
        return {_walk(key, spell): _walk(item, spell) for key, item in value.items()}
    return value


def _escape(value: object) -> object:
    # Each byte of the name becomes the character of that number, which every byte has.
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("latin-1")
    # Only values shown for an explanation can be that large; their digest stays exact.
    return value if -(2**63) <= value < 2**64 else str(value)  # type: ignore[operator]


def _unescape(value: object) -> object:
    return value.encode("latin-1").decode("utf-8", "surrogateescape") if isinstance(value, str) else value


def _as_builtin(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be remembered")
