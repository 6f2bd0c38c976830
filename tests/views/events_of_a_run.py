"""A hand-made run that has everything in it, for the tests of the views."""

from mlmake.model.event import (
    Hashing,
    LiveModel,
    MetricsReported,
    ModelsChanged,
    Outcome,
    OutputText,
    RunFinished,
    RunStarted,
    TargetFinished,
    TargetStarted,
    Warned,
)
from mlmake.model.reason import Code, Reason

LR = (Reason(Code.PARAM_CHANGED, "lr", 0.1, 0.01),)
NEVER = (Reason(Code.NEVER_BUILT),)
LOG = ".mlmake/runs/r1/logs/train@algo=gbm.log"

EVENTS = [
    RunStarted(100.0, "r1", targets=6, jobs=2, expected={"train@algo=forest": 10.0}),
    TargetFinished(
        100.1, "ingest", "ingest", Outcome.SKIPPED, (Reason(Code.UP_TO_DATE),), 0, {}, None, saved=75.0
    ),
    TargetFinished(100.2, "split", "split", Outcome.RESTORED, (Reason(Code.CACHED, "r0"),), 0, {}, None, saved=5.0),
    Hashing(100.3, "data/big.bin", 1 << 30, 4 << 30),
    TargetStarted(101.0, "train", "train@algo=forest", LR, 1, ".mlmake/runs/r1/logs/train@algo=forest.log"),
    TargetStarted(101.0, "train", "train@algo=gbm", LR, 1, LOG),
    OutputText(101.5, "train@algo=gbm", "stdout", "epoch 1\nepo"),
    OutputText(101.6, "train@algo=gbm", "stdout", "ch 2\n"),
    MetricsReported(102.0, "train@algo=forest", {"accuracy": 0.91234, "loss": 0.3}),
    Warned(102.5, "", "the cache is full at /c: nothing more is kept"),
    TargetStarted(103.0, "train", "train@algo=gbm", LR, 2, LOG),
    TargetFinished(
        104.0, "train", "train@algo=gbm", Outcome.FAILED, LR, 1.0, {}, 3, detail="ended with exit code 3", log=LOG
    ),
    TargetFinished(
        109.0, "train", "train@algo=forest", Outcome.RAN, LR, 8.0, {"accuracy": 0.97, "loss": 0.1}, 0
    ),
    TargetFinished(
        109.1, "best", "best", Outcome.BLOCKED, (), 0, {}, None, detail="train@algo=gbm did not succeed"
    ),
    ModelsChanged(109.2, "tagger", (LiveModel("train@algo=forest", "ab" * 16, 1),)),
    RunFinished(
        109.5, "r1", "failed", ran=1, restored=1, skipped=1, failed=1, cancelled=0,
        seconds=9.5, saved_seconds=80.0, blocked=1,
    ),
]  # fmt: skip
