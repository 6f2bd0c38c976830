"""The Open Inference Protocol (V2) as JSON: bytes to rows, answers to bytes; it knows no model and no HTTP."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NoReturn

import numpy as np
import orjson
from numpy.typing import NDArray

from mlmake.model.release import Tensor
from mlmake.serving.ensemble import Answer, Ensemble, Misfit

INPUT = "input"
"""The name of the one input, if no other is declared: a table with a row for each answer wanted."""

MOST_ROWS = 65_536
"""Rows of one request."""

DEEPEST = 32
"""Arrays and objects inside one another."""

NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
ONE_KIND = bytes.maketrans(b"{}", b"[]")

DATATYPES: Mapping[str, Any] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "FP32": np.float32, "FP64": np.float64,
}  # fmt: skip
"""The datatypes a request may carry, and what they are in memory."""

ANSWERED = {"b": "BOOL", "i": "INT64", "u": "UINT64", "f": "FP64"}
"""The datatype of an answer by the kind of its array; all else is BYTES."""


class BadRequest(Exception):
    """A request that cannot be answered; the message begins with the field at fault."""


class TooManyRows(BadRequest):
    """A request that asks for more at once than is answered."""


@dataclass(frozen=True, slots=True)
class Told:
    """An output as requests name it, and which of an answer's parts it is; `datatype` is none if that of the answer."""

    name: str
    part: str
    datatype: str | None = None
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Interface:
    """What models take and give, as the protocol tells it; `features` is the width of a row, if known."""

    input: str = INPUT
    datatype: str = "FP64"
    features: int | None = None
    outputs: tuple[Told, ...] = (Told("predict", "predict"), Told("probabilities", "probabilities"))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: rows of numbers, which outputs, and an id to give back."""

    id: str | None
    rows: NDArray[np.float64]
    outputs: tuple[str, ...]


def interface_of(
    ensemble: Ensemble, inputs: Sequence[Tensor] | None = None, outputs: Sequence[Tensor] | None = None
) -> Interface:
    """What is declared, and what is learnt from the models where nothing is. Raises `Misfit` if they contradict."""
    first, features = (inputs[0] if inputs else Tensor(INPUT)), ensemble.features
    if first.shape is not None:
        if len(first.shape) != 2:
            raise Misfit(f"inputs: {first.name} has the shape {list(first.shape)} instead of [-1, features]")
        if first.shape[1] > 0:
            if features not in (None, first.shape[1]):
                named = ensemble.members[0].instance
                raise Misfit(f"{named}: takes rows of {features}, `inputs` says {first.shape[1]}")
            features = first.shape[1]
    declared = outputs or ()
    if len(declared) > len(ensemble.outputs):
        raise Misfit(f"outputs: {len(declared)} declared, the models give {', '.join(ensemble.outputs)}")
    pairs = zip(declared, ensemble.outputs, strict=False)
    told = [Told(output.name, part, output.datatype, output.shape) for output, part in pairs]
    told += [Told(part, part) for part in ensemble.outputs[len(declared) :]]
    return Interface(first.name, first.datatype or "FP64", features, tuple(told))


def read_question(body: bytes, interface: Interface) -> Question:
    """The request in this body, for models with this interface. Raises `BadRequest`."""
    check_depth(body)
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"body: is no JSON: {error}") from error
    if not isinstance(request, dict):
        wrong("body", request, "an object")
    asked_id = optional(request, "id", str, "a string")
    optional(request, "parameters", dict, "an object")
    known = [output.name for output in interface.outputs]
    return Question(asked_id, read_rows(request, interface.input, interface.features), read_outputs(request, known))


def check_depth(body: bytes) -> None:
    """Raises `BadRequest` if arrays and objects are nested too deep: readers and writers of JSON may end by that."""
    # The strings go first, then all but brackets; each turn takes the innermost pairs away.
    brackets = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", body).translate(ONE_KIND, NO_BRACKETS)
    for _ in range(DEEPEST):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"")
    if brackets.count(b"[") > DEEPEST or b"[]" in brackets:
        raise BadRequest(f"body: is nested more than {DEEPEST} deep")


def read_rows(request: Mapping[str, Any], known: str, features: int | None) -> NDArray[np.float64]:
    """The one input tensor, of this name, as rows."""
    inputs = required(request, "inputs", list, "an array", "")
    if len(inputs) != 1:
        raise BadRequest(f"inputs: {len(inputs)} tensors; send one, named {known!r}, with a row for each answer wanted")
    place, tensor = "inputs[0].", inputs[0]
    if not isinstance(tensor, dict):
        wrong("inputs[0]", tensor, "an object")
    name = required(tensor, "name", str, "a string", place)
    if name != known:
        raise BadRequest(f"inputs[0].name: no input {name!r}; there is {known!r}")
    datatype = required(tensor, "datatype", str, "a string", place)
    if datatype not in DATATYPES:
        raise BadRequest(f"inputs[0].datatype: {datatype!r} is none of {', '.join(DATATYPES)}")
    shape = required(tensor, "shape", list, "an array", place)
    for index, length in enumerate(shape):
        if type(length) is not int or length < 1:
            wrong(f"inputs[0].shape[{index}]", length, "a whole number from 1 on")
    if len(shape) != 2 or features not in (None, shape[1]):
        width = "features" if features is None else features
        raise BadRequest(f"inputs[0].shape: {shape} instead of [rows, {width}]")
    if shape[0] > MOST_ROWS:
        raise TooManyRows(f"inputs[0].shape: {shape[0]} rows; send at most {MOST_ROWS} at once")
    numbers = read_numbers(required(tensor, "data", list, "an array", place), shape, datatype)
    rows = numbers.reshape(shape).astype(np.float64)
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise BadRequest(f"inputs[0].data: row {row}, column {column} is too large for {datatype}")
    return rows


def read_numbers(data: list[Any], shape: Sequence[int], datatype: str) -> NDArray[Any]:
    """The numbers of a tensor, row by row, from nested or flat JSON arrays."""
    rows, width = shape
    if data and isinstance(data[0], list):
        if len(data) != rows:
            raise BadRequest(f"inputs[0].data: {len(data)} rows where shape says {rows}")
        for index, row in enumerate(data):
            if not isinstance(row, list):
                wrong(f"inputs[0].data[{index}]", row, "an array like the rows before it")
            if len(row) != width:
                raise BadRequest(f"inputs[0].data[{index}]: {len(row)} values where shape says {width}")
        flat, place = list(chain.from_iterable(data)), lambda at: f"inputs[0].data[{at // width}][{at % width}]"
    else:
        if len(data) != rows * width:
            raise BadRequest(f"inputs[0].data: {len(data)} values where shape says {rows} × {width} = {rows * width}")
        flat, place = data, lambda at: f"inputs[0].data[{at}]"
    return array_of(flat, datatype, place)


def array_of(flat: list[Any], datatype: str, place: Callable[[int], str]) -> NDArray[Any]:
    """The values as an array of their datatype; `place` names the field of the value at an index."""
    allowed: set[type]
    match DATATYPES[datatype]:
        case np.bool_:
            allowed, expected = {bool}, "true or false"
        case np.float32 | np.float64:
            allowed, expected = {int, float}, "a number"
        case _:
            allowed, expected = {int}, "a whole number"
    if not allowed.issuperset(map(type, flat)):
        at = next(index for index, value in enumerate(flat) if type(value) not in allowed)
        wrong(place(at), flat[at], f"{expected} for {datatype}")
    try:
        # A number too large for FP32 becomes infinite here and is named by whoever asks whether all are finite.
        with np.errstate(over="ignore"):
            return np.array(flat, dtype=DATATYPES[datatype])
    except OverflowError as error:
        limits = np.iinfo(DATATYPES[datatype])
        at = next(index for index, value in enumerate(flat) if not limits.min <= value <= limits.max)
        raise BadRequest(f"{place(at)}: {flat[at]} does not fit into {datatype}") from error


def read_outputs(request: Mapping[str, Any], known: Sequence[str]) -> tuple[str, ...]:
    """The outputs asked for, all if none are named."""
    names = []
    for index, output in enumerate(optional(request, "outputs", list, "an array") or []):
        if not isinstance(output, dict):
            wrong(f"outputs[{index}]", output, "an object")
        name = required(output, "name", str, "a string", f"outputs[{index}].")
        if name not in known:
            raise BadRequest(f"outputs[{index}].name: no output {name!r}; there is {', '.join(map(repr, known))}")
        names.append(name)
    return tuple(dict.fromkeys(names)) or tuple(known)


def required(table: Mapping[str, Any], key: str, kind: type, expected: str, place: str) -> Any:
    """The value of a key that must be there, of the type it must have."""
    if key not in table:
        raise BadRequest(f"{place}{key}: missing")
    if not isinstance(table[key], kind):
        wrong(f"{place}{key}", table[key], expected)
    return table[key]


def optional(table: Mapping[str, Any], key: str, kind: type, expected: str) -> Any:
    """The value of a key that may be left out or null."""
    return None if table.get(key) is None else required(table, key, kind, expected, "")


def wrong(field: str, value: object, expected: str) -> NoReturn:
    """Refuse a value that is something else than expected."""
    shown = orjson.dumps(value).decode()
    raise BadRequest(f"{field}: {shown if len(shown) <= 40 else shown[:39] + '…'} is not {expected}")


def write_answer(
    question: Question,
    answer: Answer,
    *,
    name: str,
    version: str,
    models: str,
    ensemble: Ensemble,
    interface: Interface | None = None,
) -> bytes:
    """The response: the outputs asked for, in that order, and which models made them."""
    known = {told.name: told for told in (interface or interface_of(ensemble)).outputs}
    arrays = {"predict": answer.predict, "probabilities": answer.probabilities}
    outputs = [tensor(known[output], arrays[known[output].part], ensemble) for output in question.outputs]
    response = {"model_name": name, "model_version": version, "parameters": {"models": models}, "outputs": outputs}
    if question.id is not None:
        response["id"] = question.id
    return orjson.dumps(response, option=orjson.OPT_SERIALIZE_NUMPY)


def tensor(told: Told, array: NDArray[Any] | None, ensemble: Ensemble) -> dict[str, Any]:
    """One output, its data flat."""
    assert array is not None
    if told.datatype not in (None, "BYTES"):
        array = array.astype(DATATYPES[told.datatype])
    datatype = told.datatype or ANSWERED.get(array.dtype.kind, "BYTES")
    flat = np.ascontiguousarray(array).ravel()
    data = [str(value) for value in flat.tolist()] if datatype == "BYTES" else flat
    about = {"name": told.name, "datatype": datatype, "shape": list(array.shape)}
    return {**about, **extra(told.part, ensemble), "data": data}


def extra(part: str, ensemble: Ensemble) -> dict[str, Any]:
    """Which class each column of the probabilities stands for, as JSON in a string: parameters hold no arrays."""
    if part != "probabilities" or ensemble.classes is None:
        return {}
    return {"parameters": {"classes": orjson.dumps(ensemble.classes.tolist(), default=str).decode()}}


def describe(name: str, version: str, ensemble: Ensemble, interface: Interface | None = None) -> dict[str, Any]:
    """The model's metadata; a length that varies, or is not known, is -1."""
    interface = interface or interface_of(ensemble)
    width = -1 if interface.features is None else interface.features
    outputs: list[dict[str, Any]] = []
    for told in interface.outputs:
        if told.part == "probabilities":
            assert ensemble.classes is not None
            shape, datatype = [-1, len(ensemble.classes)], "FP64"
        else:
            shape = [-1]
            datatype = "FP64" if ensemble.classes is None else ANSWERED.get(ensemble.classes.dtype.kind, "BYTES")
        outputs.append(
            {
                "name": told.name,
                "datatype": told.datatype or datatype,
                "shape": shape if told.shape is None else list(told.shape),
                **extra(told.part, ensemble),
            }
        )
    return {
        "name": name,
        "versions": [version],
        "platform": "mlmake_scikit-learn",
        "inputs": [{"name": interface.input, "datatype": interface.datatype, "shape": [-1, width]}],
        "outputs": outputs,
    }
