"""Tests the ensemble of the chosen models on digits none of them has seen; it does not know how they were chosen."""

import json
from collections.abc import Sequence
from pathlib import Path

import joblib
import numpy as np
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix

from .drawing import matrix_svg
from .table import read_table


def run(models: Sequence[Path], test: Path, report: Path, confusion: Path, metrics: Path) -> None:
    """Let the models answer together, by the mean of their probabilities; write a report, a picture and figures."""
    digits = read_table(test)
    fitted = [joblib.load(path) for path in models]
    each = [model.predict_proba(digits.pixels) for model in fitted]
    classes = fitted[0].classes_
    answers = classes[np.mean(each, axis=0).argmax(axis=1)]
    accuracy = accuracy_score(digits.labels, answers)
    lines = [f"{len(digits.labels)} test digits, ensemble of {len(models)} models: accuracy {accuracy:.4f}", ""]
    for path, probabilities in zip(models, each, strict=True):
        alone = accuracy_score(digits.labels, classes[probabilities.argmax(axis=1)])
        lines.append(f"  {path.stem} alone: accuracy {alone:.4f}")
    lines += ["", classification_report(digits.labels, answers, digits=3)]
    report.write_text("\n".join(lines))
    counts = confusion_matrix(digits.labels, answers, labels=classes).tolist()
    confusion.write_text(matrix_svg(counts, [str(name) for name in classes]), encoding="utf-8")
    wrong = int((answers != digits.labels).sum())
    metrics.write_text(json.dumps({"accuracy": round(float(accuracy), 6), "wrong": wrong}, indent=2) + "\n")
    print(lines[0])
