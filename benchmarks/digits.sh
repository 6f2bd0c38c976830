#!/usr/bin/env bash
# The digits example as a plain shell script, one step after the other: what mlmake is compared with.
# Usage, from the checkout: PYTHON=.venv/bin/python benchmarks/digits.sh FOLDER
set -euo pipefail
out=${1:?the folder for the outputs}
python=${PYTHON:-python3.11}
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
mkdir -p "$out/models"

step() { # MODULE ARGUMENT…: calls its run(); an argument that begins with { or [ is JSON, with @ a path.
    "$python" - "$@" <<'PYTHON'
import importlib, json, sys
from pathlib import Path

def value(text):
    if text[0] == "@":
        return Path(text[1:])
    return json.loads(text) if text[0] in "{[" or text.isdecimal() else text

importlib.import_module(f"mlmake.examples.digits.{sys.argv[1]}").run(*map(value, sys.argv[2:]))
PYTHON
}

step ingest @mlmake/examples/digits/data "@$out/table.npz" "@$out/counts.json"
"$python" -m mlmake.examples.digits.split "$out/table.npz" "$out/train.npz" "$out/validation.npz" "$out/test.npz" \
    --seed 7 --share 0.2

train() { # ALGO NAME SETTINGS
    step train "@$out/train.npz" "@$out/validation.npz" "$1" "{\"name\": \"$2\", $3}" 7 \
        "@$out/models/$1-$2.joblib" "@$out/models/$1-$2.json"
}
train logreg strong '"C": 0.01'
train logreg medium '"C": 0.1'
train logreg weak '"C": 1.0'
train forest small '"trees": 20, "depth": 6'
train forest medium '"trees": 60, "depth": 8'
train forest large '"trees": 150, "depth": 16'
train mlp narrow '"hidden": 16, "lr": 0.01'
train mlp medium '"hidden": 48, "lr": 0.01'
train mlp wide '"hidden": 128, "lr": 0.003'

"$python" - "$out" <<'PYTHON'
import json, sys
from pathlib import Path

from mlmake.examples.digits import evaluate

out = Path(sys.argv[1])
names = [f"{algo}-{name}" for algo, sizes in (
    ("logreg", ("strong", "medium", "weak")), ("forest", ("small", "medium", "large")), ("mlp", ("narrow", "medium", "wide"))
) for name in sizes]
best = sorted(names, key=lambda name: -json.loads((out / f"models/{name}.json").read_text())["accuracy"])[:2]
evaluate.run([out / f"models/{name}.joblib" for name in best], out / "test.npz", out / "report.txt",
             out / "confusion.svg", out / "test.json")
PYTHON
