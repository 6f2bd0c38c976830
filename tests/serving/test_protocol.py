import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mlmake.model.release import Tensor
from mlmake.serving.ensemble import Answer, Member, Misfit, join
from mlmake.serving.protocol import (
    DATATYPES,
    BadRequest,
    Interface,
    Question,
    TooManyRows,
    describe,
    interface_of,
    read_question,
    write_answer,
)

BOTH = ("predict", "probabilities")
TWO = Interface(features=2)
ANY = Interface()


def tensor(**changed: Any) -> dict[str, Any]:
    plain = {"name": "input", "datatype": "FP64", "shape": [2, 2], "data": [1, 2, 3, 4]} | changed
    return {key: value for key, value in plain.items() if value is not None}


def body(*tensors: Any, **rest: Any) -> bytes:
    return json.dumps({"inputs": list(tensors), **rest}).encode()


def test_flat_and_nested_data_are_the_same() -> None:
    flat = read_question(body(tensor()), TWO)
    nested = read_question(body(tensor(data=[[1, 2], [3, 4]])), TWO)
    assert flat.rows.tolist() == nested.rows.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert flat.outputs == BOTH
    assert flat.id is None


@pytest.mark.parametrize(
    ("datatype", "data", "rows"),
    [
        ("FP64", [0.1, -2, 3, 1e300], [[0.1, -2.0], [3.0, 1e300]]),
        ("FP32", [0.1, -2, 3, 4.5], [[float(np.float32(0.1)), -2.0], [3.0, 4.5]]),
        ("INT8", [-128, 127, 0, 1], [[-128, 127], [0, 1]]),
        ("UINT8", [0, 255, 0, 1], [[0, 255], [0, 1]]),
        ("INT64", [-(2**63), 2**62, 0, 1], [[-(2.0**63), 2.0**62], [0, 1]]),
        ("UINT64", [2**63, 2**62, 0, 1], [[2.0**63, 2.0**62], [0, 1]]),
        ("BOOL", [True, False, False, True], [[1, 0], [0, 1]]),
    ],
)
def test_every_datatype_becomes_numbers(datatype: str, data: list[Any], rows: list[list[float]]) -> None:
    assert read_question(body(tensor(datatype=datatype, data=data)), TWO).rows.tolist() == rows


def test_outputs_id_and_parameters() -> None:
    request = body(tensor(), id="q1", parameters={"x": 1}, outputs=[{"name": "probabilities"}, {"name": "predict"}])
    question = read_question(request, TWO)
    assert (question.id, question.outputs) == ("q1", ("probabilities", "predict"))


WRONG: list[tuple[bytes, str]] = [
    (b"[1]", "body: [1] is not an object"),
    (b"{}", "inputs: missing"),
    (b'{"inputs": 3}', "inputs: 3 is not an array"),
    (body(), "inputs: 0 tensors; send one, named 'input', with a row for each answer wanted"),
    (body(tensor(), tensor()), "inputs: 2 tensors; send one, named 'input', with a row for each answer wanted"),
    (body(7), "inputs[0]: 7 is not an object"),
    (body(tensor(name=None)), "inputs[0].name: missing"),
    (body(tensor(name="x")), "inputs[0].name: no input 'x'; there is 'input'"),
    (body(tensor(datatype=None)), "inputs[0].datatype: missing"),
    (body(tensor(datatype=64)), "inputs[0].datatype: 64 is not a string"),
    (
        body(tensor(datatype="BYTES")),
        f"inputs[0].datatype: 'BYTES' is none of {', '.join(DATATYPES)}",
    ),
    (body(tensor(shape=None)), "inputs[0].shape: missing"),
    (body(tensor(shape=[0, 2])), "inputs[0].shape[0]: 0 is not a whole number from 1 on"),
    (body(tensor(shape=[2, 2.0])), "inputs[0].shape[1]: 2.0 is not a whole number from 1 on"),
    (body(tensor(shape=[True, 2])), "inputs[0].shape[0]: true is not a whole number from 1 on"),
    (body(tensor(shape=[2, 3])), "inputs[0].shape: [2, 3] instead of [rows, 2]"),
    (body(tensor(shape=[2])), "inputs[0].shape: [2] instead of [rows, 2]"),
    (body(tensor(shape=[1, 2, 1])), "inputs[0].shape: [1, 2, 1] instead of [rows, 2]"),
    (body(tensor(data=None)), "inputs[0].data: missing"),
    (body(tensor(data="abc")), 'inputs[0].data: "abc" is not an array'),
    (body(tensor(data=[1, 2, 3])), "inputs[0].data: 3 values where shape says 2 × 2 = 4"),
    (body(tensor(data=[])), "inputs[0].data: 0 values where shape says 2 × 2 = 4"),
    (body(tensor(data=[[1, 2]])), "inputs[0].data: 1 rows where shape says 2"),
    (body(tensor(data=[[1, 2], [3]])), "inputs[0].data[1]: 1 values where shape says 2"),
    (body(tensor(data=[[1, 2], 3])), "inputs[0].data[1]: 3 is not an array like the rows before it"),
    (body(tensor(data=[1, 2, "x", 4])), 'inputs[0].data[2]: "x" is not a number for FP64'),
    (body(tensor(data=[1, 2, 3, [4]])), "inputs[0].data[3]: [4] is not a number for FP64"),
    (body(tensor(data=[[1, 2], [None, 4]])), "inputs[0].data[1][0]: null is not a number for FP64"),
    (body(tensor(data=[1, 2, True, 4])), "inputs[0].data[2]: true is not a number for FP64"),
    (body(tensor(datatype="INT32", data=[1, 2.5, 3, 4])), "inputs[0].data[1]: 2.5 is not a whole number for INT32"),
    (body(tensor(datatype="UINT8", data=[1, 2, 3, 256])), "inputs[0].data[3]: 256 does not fit into UINT8"),
    (body(tensor(datatype="UINT8", data=[[1, 2], [-1, 2]])), "inputs[0].data[1][0]: -1 does not fit into UINT8"),
    (body(tensor(datatype="INT64", data=[2**63, 2, 3, 4])), f"inputs[0].data[0]: {2**63} does not fit into INT64"),
    (body(tensor(datatype="BOOL", data=[True, 1, True, True])), "inputs[0].data[1]: 1 is not true or false for BOOL"),
    (body(tensor(datatype="FP32", data=[1, 2, 3, 1e39])), "inputs[0].data: row 1, column 1 is too large for FP32"),
    (body(tensor(), id=7), "id: 7 is not a string"),
    (body(tensor(), parameters=[]), "parameters: [] is not an object"),
    (body(tensor(), outputs={}), "outputs: {} is not an array"),
    (body(tensor(), outputs=["predict"]), 'outputs[0]: "predict" is not an object'),
    (body(tensor(), outputs=[{}]), "outputs[0].name: missing"),
    (
        body(tensor(), outputs=[{"name": "predict"}, {"name": "x"}]),
        "outputs[1].name: no output 'x'; there is 'predict', 'probabilities'",
    ),
    (body(tensor(), id=[1] * 99), f"id: [{'1,' * 19}… is not a string"),
]


@pytest.mark.parametrize(("request_body", "message"), WRONG, ids=[message[:60] for _, message in WRONG])
def test_wrong_requests_name_the_field(request_body: bytes, message: str) -> None:
    with pytest.raises(BadRequest) as wrong:
        read_question(request_body, TWO)
    assert str(wrong.value) == message


@pytest.mark.parametrize("request_body", [b"", b"{", b"\xff", b'{"inputs": NaN}', b"[" * 20])
def test_what_is_no_json_is_said(request_body: bytes) -> None:
    with pytest.raises(BadRequest, match="body: is no JSON: "):
        read_question(request_body, TWO)


def test_a_model_that_does_not_tell_its_width_takes_any() -> None:
    assert read_question(body(tensor(shape=[1, 4])), ANY).rows.shape == (1, 4)
    with pytest.raises(BadRequest, match=r"inputs\[0\].shape: \[4\] instead of \[rows, features\]"):
        read_question(body(tensor(shape=[4])), ANY)


def test_answers_keep_every_bit(classifier: Callable[..., LogisticRegression], rows: np.ndarray) -> None:
    ensemble = join([Member("a", "0" * 32, 1, classifier(1, ("x", "y")))])
    answer = ensemble.answer(rows[:3])
    question = Question("q", rows[:3], ("probabilities", "predict"))
    text = write_answer(question, answer, name="tagger", version="v1", models="a:0", ensemble=ensemble)
    response = json.loads(text)
    assert answer.probabilities is not None
    assert response == {
        "id": "q",
        "model_name": "tagger",
        "model_version": "v1",
        "parameters": {"models": "a:0"},
        "outputs": [
            {
                "name": "probabilities",
                "datatype": "FP64",
                "shape": [3, 2],
                "parameters": {"classes": '["x","y"]'},
                "data": answer.probabilities.ravel().tolist(),
            },
            {"name": "predict", "datatype": "BYTES", "shape": [3], "data": answer.predict.tolist()},
        ],
    }


@pytest.mark.parametrize(
    ("labels", "datatype", "data"),
    [
        (np.array([1, 2], dtype=np.uint8), "UINT64", [1, 2]),
        (np.array([1, -2]), "INT64", [1, -2]),
        (np.array([0.5, 2]), "FP64", [0.5, 2.0]),
        (np.array([True, False]), "BOOL", [True, False]),
        (np.array(["ä", "b"], dtype=object), "BYTES", ["ä", "b"]),
    ],
)
def test_labels_of_every_type(
    classifier: Callable[..., LogisticRegression], labels: np.ndarray, datatype: str, data: list[Any]
) -> None:
    ensemble = join([Member("a", "0" * 32, 1, classifier())])
    question = Question(None, np.zeros((2, 4)), ("predict",))
    text = write_answer(question, Answer(labels, None), name="t", version="v", models="a:0", ensemble=ensemble)
    assert json.loads(text)["outputs"] == [{"name": "predict", "datatype": datatype, "shape": [2], "data": data}]


def test_metadata_tells_what_is_taken_and_given(classifier: Callable[..., LogisticRegression]) -> None:
    ensemble = join([Member("a", "0" * 32, 1, classifier())])
    assert describe("tagger", "v1", ensemble) == {
        "name": "tagger",
        "versions": ["v1"],
        "platform": "mlmake_scikit-learn",
        "inputs": [{"name": "input", "datatype": "FP64", "shape": [-1, 4]}],
        "outputs": [
            {"name": "predict", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP64", "shape": [-1, 3], "parameters": {"classes": "[0,1,2]"}},
        ],
    }


@pytest.mark.parametrize("deep", [b"[" * 5000, b"[" * 33 + b"]" * 33, b'{"a":' * 33 + b"1" + b"}" * 33])
def test_what_is_nested_too_deep_is_not_read(deep: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^body: is nested more than 32 deep$"):
        read_question(deep, TWO)


def test_brackets_side_by_side_and_in_strings_are_not_deep() -> None:
    wide = body(tensor(shape=[100, 2], data=[[1, 2]] * 100), parameters={"x": "[" * 100 + '\\"{' * 100})
    assert len(read_question(wide, TWO).rows) == 100
    with pytest.raises(BadRequest, match="inputs: missing"):
        read_question(b'{"a":' * 32 + b"1" + b"}" * 32, TWO)


def test_too_many_rows_are_refused_before_they_are_read() -> None:
    with pytest.raises(TooManyRows, match=r"^inputs\[0\]\.shape: 65537 rows; send at most 65536 at once$"):
        read_question(body(tensor(shape=[65537, 2], data=[])), TWO)


def test_declared_names_types_and_shapes_are_told_and_asked_for(classifier: Callable[..., LogisticRegression]) -> None:
    ensemble = join([Member("a", "0" * 32, 1, classifier(0, ("x", "y")))])
    interface = interface_of(
        ensemble,
        [Tensor("pixels", "FP32", (-1, 4))],
        [Tensor("label"), Tensor("sure", "FP32", (-1, 2))],
    )
    told = describe("tagger", "v", ensemble, interface)
    assert told["inputs"] == [{"name": "pixels", "datatype": "FP32", "shape": [-1, 4]}]
    assert [(o["name"], o["datatype"], o["shape"]) for o in told["outputs"]] == [
        ("label", "BYTES", [-1]),
        ("sure", "FP32", [-1, 2]),
    ]
    question = read_question(body(tensor(name="pixels", shape=[1, 4]), outputs=[{"name": "sure"}]), interface)
    answer = json.loads(
        write_answer(
            question,
            ensemble.answer(question.rows),
            name="tagger",
            version="v",
            models="a:0",
            ensemble=ensemble,
            interface=interface,
        )
    )
    (sure,) = answer["outputs"]
    assert (sure["name"], sure["datatype"], sure["shape"]) == ("sure", "FP32", [1, 2])
    with pytest.raises(BadRequest, match="no input 'input'; there is 'pixels'"):
        read_question(body(tensor(shape=[1, 4])), interface)


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ([Tensor("x", None, (-1, 5))], None, "a: takes rows of 4, `inputs` says 5"),
        ([Tensor("x", None, (4,))], None, "inputs: x has the shape [4] instead of [-1, features]"),
        (None, [Tensor("a"), Tensor("b"), Tensor("c")], "outputs: 3 declared, the models give predict, probabilities"),
    ],
)
def test_what_is_declared_and_is_not_so_is_a_misfit(
    classifier: Callable[..., LogisticRegression], inputs: Any, outputs: Any, message: str
) -> None:
    with pytest.raises(Misfit) as misfit:
        interface_of(join([Member("a", "0" * 32, 1, classifier())]), inputs, outputs)
    assert str(misfit.value) == message
