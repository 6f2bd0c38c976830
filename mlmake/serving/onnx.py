"""An ONNX model that answers like a fitted estimator; it knows nothing of serving."""

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray


class OnnxModel:
    """A model of one input table. A classifier has a second output: columns of probabilities, or a map a row.

    Columns without names are the classes 0, 1, 2, …
    """

    def __init__(self, content: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        (self._input,) = self._session.get_inputs()
        self._dtype = np.float64 if self._input.type == "tensor(double)" else np.float32
        width = self._input.shape[1] if len(self._input.shape) == 2 else None
        if isinstance(width, int):
            self.n_features_in_ = width
            if len(self._session.get_outputs()) > 1:
                self.classes_ = self._find_classes(width)

    def _find_classes(self, width: int) -> NDArray[Any]:
        told = self._run(np.zeros((1, width)))[1]
        if isinstance(told, list):
            return np.array(list(told[0]))
        return np.arange(told.shape[1])

    def _run(self, rows: NDArray[Any]) -> list[Any]:
        return list(self._session.run(None, {self._input.name: rows.astype(self._dtype)}))

    def predict(self, rows: NDArray[Any]) -> NDArray[Any]:
        """A label or a number a row."""
        found = np.asarray(self._run(rows)[0])
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found

    def predict_proba(self, rows: NDArray[Any]) -> NDArray[Any]:
        """A column a class."""
        told = self._run(rows)[1]
        if isinstance(told, list):
            return np.array([[row[label] for label in self.classes_.tolist()] for row in told])
        return np.asarray(told)
