"""Whether more or less of a metric is better; it judges by what is declared, then by common names only."""

import re
from collections.abc import Iterable, Mapping

MAX, MIN = "max", "min"

LESS = frozenset(
    ["loss", "error", "err", "rmse", "mse", "mae", "mape", "perplexity", "wer", "cer", "brier", "deviance"]
)
MORE = frozenset(
    ["accuracy", "acc", "f1", "auc", "auroc", "auprc", "precision", "recall", "r2", "score", "iou", "bleu", "rouge"]
)

_PARTS = re.compile(r"[^A-Za-z0-9]+")


def direction(metric: str, declared: Mapping[str, str]) -> str | None:
    """What is wanted of a metric: "max" or "min", none if nobody can tell.

    A `select` that chooses by it has said so; else a common word in the last part of its name does.
    """
    if metric in declared:
        return declared[metric]
    words = set(_PARTS.split(metric.rpartition(".")[2].lower()))
    if words & LESS:
        return MIN
    return MAX if words & MORE else None


def directions(metrics: Iterable[str], declared: Mapping[str, str]) -> dict[str, str]:
    """The metrics of which something is wanted, and what."""
    found = ((metric, direction(metric, declared)) for metric in metrics)
    return {metric: wanted for metric, wanted in found if wanted}
