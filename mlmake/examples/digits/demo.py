"""Shows the example from build to answer: builds, serves, asks about one test image; it knows only the command line.

python -m mlmake.examples.digits.demo
"""

import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from .drawing import letters
from .table import DARKEST, SIDE, read_table

ROOT = Path(__file__).resolve().parents[3]
"""The checkout: where `Mlfile.example` is."""

BUILD = ["-f", "Mlfile.example"]
SERVE = [*BUILD, "serve", "--port", "0"]
PATIENCE = 60
"""Seconds until the models that were built are served; it takes one or two."""

IMAGE = 77
"""Which of the test images is asked about."""


def main() -> None:
    """Build and serve, ask, stop. Ends with an error if anything is not as it should be."""
    built = subprocess.run(mlmake(BUILD), cwd=ROOT, check=False)
    if built.returncode:
        sys.exit(f"the build ended with exit code {built.returncode}")
    print(f"\nbuild/digits/report.txt: {(ROOT / 'build/digits/report.txt').read_text().splitlines()[0]}\n", flush=True)
    server = subprocess.Popen(mlmake(SERVE), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        url = wait_until_ready(server)
        right = ask(url, IMAGE)
    finally:
        code = stop(server)
    # Ended by a signal, and after it answered what it had taken on: both are what was asked for.
    if code not in (0, 128 + signal.SIGTERM):
        sys.exit(f"the server ended with exit code {code}")
    print("server stopped")
    if not right:
        sys.exit("the answer is wrong")


def mlmake(words: list[str]) -> list[str]:
    """The command with these words, shown as one would type it."""
    print("$ " + " ".join(["mlmake", *words]), flush=True)
    return [sys.executable, "-m", "mlmake", *words]


def wait_until_ready(server: "subprocess.Popen[str]") -> str:
    """The server's address, once a model answers there."""
    assert server.stdout is not None
    told: list[str] = []
    threading.Thread(target=pass_on, args=(server.stdout, told), daemon=True).start()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit(f"the server ended by itself, exit code {server.returncode}")
        url = address(told)
        if url and answers(f"{url}/v2/models/digits/ready"):
            return url
        time.sleep(0.1)
    sys.exit(f"nothing is served after {PATIENCE} s")


def pass_on(stream: IO[str], told: list[str]) -> None:
    """Show what the server tells, line by line, and keep it."""
    for line in stream:
        print(line, end="", flush=True)
        told.append(line)


def address(told: Sequence[str]) -> str | None:
    """Where the server says it is."""
    found = re.search(r"^serving .*?(http://[^\s,]+)", "".join(told), re.MULTILINE)
    return found[1] if found else None


def answers(url: str) -> bool:
    """Whether a request succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=30):
            return True
    except urllib.error.HTTPError:
        return False


def stop(server: "subprocess.Popen[str]") -> int:
    """Let the server finish and end; its exit code."""
    server.send_signal(signal.SIGTERM)
    try:
        return server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()


def ask(url: str, image: int) -> bool:
    """Send one test image, show it with the answer; whether the answer is right."""
    test = read_table(ROOT / "build/digits/test.npz")
    pixels, label = test.pixels[image].tolist(), int(test.labels[image])
    print(f"\n{letters(pixels, SIDE, DARKEST)}")
    question = {"inputs": [{"name": "input", "datatype": "UINT8", "shape": [1, len(pixels)], "data": pixels}]}
    request = urllib.request.Request(
        f"{url}/v2/models/digits/infer", json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.load(response)
        models = response.headers["x-mlmake-models"].split()
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    guess = int(outputs["predict"][0])
    print(f"\nanswer {guess} ({max(outputs['probabilities']):.0%} sure), true label {label}")
    print("answered by " + " and ".join(model.rpartition(":")[0] for model in models))
    return guess == label


if __name__ == "__main__":
    main()
