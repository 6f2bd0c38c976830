"""Values as bytes and back."""

import math
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_traces import CODE, made
from xxhash import xxh3_64_digest

from mlmake.model.digest import Stamp, digest_of
from mlmake.model.fact import fact
from mlmake.model.trace import Failure, Packages
from mlmake.ports import Stamped
from mlmake.stores.codec import (
    SCHEMA,
    pack,
    trace_from_json,
    trace_to_json,
    unpack_failure,
    unpack_stamped,
    unpack_trace,
)

names = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\udc80\udcff\\\"'\n\0"))
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
plain = names | numbers | st.booleans() | st.none()


@given(names, plain, st.dictionaries(names, st.floats(allow_nan=False)), st.dictionaries(names, names))
def test_any_trace_survives(name, value, metrics, origin):
    trace = replace(made(name, inputs=(1,)), metrics=metrics, origin=origin, inputs=((name, digest_of(1)),))
    trace = replace(trace, reasons=(replace(trace.reasons[0], subject=name, old=value),))
    assert unpack_trace(pack(trace)) == trace
    assert trace_from_json(trace_to_json(trace)) == trace


@given(names, st.integers() | st.none())
def test_any_failure_survives(name, code):
    failure = Failure(name, digest_of(1), digest_of(2), name, 1.5, "failed", None if code is None else code % 256)
    assert unpack_failure(pack(failure)) == failure


@given(st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63 - 1))
def test_any_stamp_survives(big, signed):
    stamped = Stamped(Stamp(big, signed, signed, big, 33188), digest_of(big), signed)
    assert unpack_stamped(pack(stamped)) == stamped


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_no_json_survive(odd):
    trace = replace(made(), metrics={"loss": odd})
    for back in (unpack_trace(pack(trace)), trace_from_json(trace_to_json(trace))):
        assert repr(back.metrics["loss"]) == repr(odd)


def test_a_number_beyond_64_bits_is_shown_as_text():
    trace = replace(made(), facts=(fact(CODE, "seed", 2**80),))
    (back,) = unpack_trace(pack(trace)).facts
    assert (back.shown, back.digest) == (str(2**80), digest_of(2**80))


@given(st.data())
def test_any_changed_byte_is_found(data):
    packed = bytearray(pack(made()))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    assert unpack_trace(bytes(packed)) is None
    assert unpack_trace(bytes(pack(made())[:place])) is None


def test_fields_of_the_future_are_ignored_and_other_schemas_forgotten():
    fields = msgspec.to_builtins(made()) | {"colour": "blue"}
    record = msgspec.json.encode({"schema": SCHEMA, "trace": fields, "more": 1})
    assert trace_from_json(record) == made()
    assert trace_from_json(record.replace(b'"schema":1', b'"schema":2')) is None
    assert unpack_trace(bytes([SCHEMA + 1]) + pack(made())[1:]) is None


def test_records_from_before_packages_were_known_are_read():
    fields = msgspec.to_builtins(made())
    del fields["packages"], fields["read"]
    assert trace_from_json(msgspec.json.encode({"schema": SCHEMA, "trace": fields})) == made()
    payload = msgspec.msgpack.encode(fields)
    head = bytes((SCHEMA, 0))
    assert unpack_trace(head + xxh3_64_digest(head + payload) + payload) == made()


@given(names, names)
def test_packages_and_reads_survive(name, version):
    packages = (Packages(f"/env/{name}", name, True, {name: version}),)
    trace = replace(made(), packages=packages, read=(name,))
    assert unpack_trace(pack(trace)) == trace
    assert trace_from_json(trace_to_json(trace)) == trace


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"schema":1,"trace":{}}', b"null"])
def test_records_that_are_none_are_forgotten(data):
    assert trace_from_json(data) is None
    assert unpack_trace(data) is None
    assert unpack_stamped(data) is None


def test_a_record_is_one_line_that_can_be_read_by_people():
    text = trace_to_json(made()).decode()
    assert '"action":"train"' in text
    assert "\n" not in text
