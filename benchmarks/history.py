"""Makes a project with a long history by the functions that record builds, and times the commands that look back.

python benchmarks/history.py [RUNS] [INSTANCES]
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

from mlmake.app import App, Choices
from mlmake.model.digest import digest_of
from mlmake.model.event import Outcome, RunFinished, RunStarted, TargetFinished, TargetStarted
from mlmake.model.reason import Code, Reason
from mlmake.model.trace import Product, Trace
from mlmake.views.journal import Journal

MLFILE = """\
[params]
lr = {lr}
seed = 7

[params.model]
depth = 3
width = {width}

[target.train]
run     = "train {{algo}} {{depth}} --lr {{params.lr}} --width {{params.model.width}} > {{outputs.metrics}}"
outputs = {{ metrics = "build/{{algo}}-{{depth}}.json" }}
metrics = "metrics"
[target.train.matrix]
algo  = {{ param = "algos" }}
depth = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
"""

COMMANDS = [
    ["metrics"],
    ["metrics", "--sort", "accuracy"],
    ["metrics", "diff"],
    ["metrics", "diff", "last~250", "last"],
    ["runs"],
    ["runs", "-n", "300"],
    ["runs", "last"],
    ["params"],
    ["params", "diff"],
]


def make(folder: Path, runs: int, instances: int) -> None:
    """So many runs of so many instances; each run another learning rate, and a fifth of the instances runs."""
    drawn = random.Random(1)
    begun = time.time() - runs * 3600
    for number in range(runs):
        text = MLFILE.format(lr=0.1 / (number + 1), width=number % 5)
        algos = ", ".join(f'"a{i}"' for i in range(instances // 10))
        (folder / "Mlfile").write_text(text.replace("[params]\n", f"[params]\nalgos = [{algos}]\n"))
        app = App.open(Choices(directory=str(folder)))
        now = begun + number * 3600
        run = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{number:04x}"
        asked = app.asked(["-j", "8"])
        with Journal(app.runs_folder, partial(bytes, asked)) as journal:
            journal.take(RunStarted(now, run, instances, 8))
            for place, action in enumerate(app.graph.actions.values()):
                ran = place % 5 == number % 5 or number == 0
                metrics = {name: drawn.random() for name in ("accuracy", "f1", "log_loss")}
                why = (Reason(Code.PARAM_CHANGED, "lr", 0.1 / (number or 1), 0.1 / (number + 1)),)
                outcome = Outcome.RAN if ran else Outcome.SKIPPED
                if ran:
                    log = os.path.join(app.runs_folder, run, "logs", f"{action.id}.log")
                    journal.take(TargetStarted(now + place, "train", action.id, why, 1, log))
                    outputs = tuple(Product(o.name, o.path, digest_of(place), 100, None) for o in action.outputs)
                    done = Trace(action.id, action.recipe, action.facts, (), (), outputs, now, now + 1, 1.0, run)
                    app.state.record(replace(done, reasons=why, metrics=metrics))
                ended = TargetFinished(now + place, "train", action.id, outcome, why, 1.0, metrics, 0, made_in=run)
                journal.take(ended)
            journal.take(RunFinished(now + instances, run, "ok", 40, 0, 160, 0, 0, float(instances), 100.0))
        app.state.commit()
        app.close()


def times(folder: Path, words: list[str], rounds: int = 9) -> tuple[float, float]:
    """Seconds of the whole process, by the clock and of the processor, in the middle of some rounds."""
    clock, processor = [], []
    for _ in range(rounds):
        before, begun = getrusage(RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-m", "mlmake", *words], cwd=folder, check=True, capture_output=True)
        after = getrusage(RUSAGE_CHILDREN)
        clock.append(time.perf_counter() - begun)
        processor.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return median(clock), median(processor)


def main() -> None:
    """Make it, time it, print it."""
    runs, instances = (int(word) for word in (*sys.argv[1:], "300", "200")[:2])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, runs, instances)
        print(f"{runs} runs of {instances} instances, median seconds of the whole process, clock and processor:")
        for words in COMMANDS:
            clock, processor = times(folder, words)
            print(f"{clock:7.3f}  {processor:7.3f}  mlmake {' '.join(words)}", flush=True)


if __name__ == "__main__":
    main()
