"""Trains one model, its kind and its settings as asked; it does not know what else is trained or which is best."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.neural_network import MLPClassifier

from .features import pipeline
from .table import read_table


def run(
    train: Path, validation: Path, algo: str, config: Mapping[str, Any], seed: int, model: Path, metrics: Path
) -> None:
    """Fit on `train`, measure on `validation`, write the model and its figures."""
    seen, unseen = read_table(train), read_table(validation)
    fitted = pipeline(estimator(algo, config, seed)).fit(seen.pixels, seen.labels)
    probabilities = fitted.predict_proba(unseen.pixels)
    answers = fitted.classes_[probabilities.argmax(axis=1)]
    figures = {
        "accuracy": accuracy_score(unseen.labels, answers),
        "f1": f1_score(unseen.labels, answers, average="macro"),
        "log_loss": log_loss(unseen.labels, probabilities),
    }
    joblib.dump(fitted, model)
    metrics.write_text(json.dumps({name: round(float(value), 6) for name, value in figures.items()}, indent=2) + "\n")
    print(f"{algo} {config['name']}: accuracy {figures['accuracy']:.4f} on {len(unseen.labels)} validation digits")


def estimator(algo: str, config: Mapping[str, Any], seed: int) -> BaseEstimator:
    """The estimator of this kind with these settings, not fitted yet."""
    match algo:
        case "logreg":
            return LogisticRegression(C=config["C"], max_iter=500, random_state=seed)
        case "forest":
            return RandomForestClassifier(config["trees"], max_depth=config["depth"], random_state=seed)
        case "mlp":
            return MLPClassifier(
                (config["hidden"],), learning_rate_init=config["lr"], max_iter=200, tol=1e-3, random_state=seed
            )
        case _:
            raise SystemExit(f"algo = {algo!r}: expected logreg, forest or mlp")
