"""Shows the example from build to answer: builds, serves, asks about one test image; it knows only the command line.

python -m mlmake.examples.digits.demo
"""

import json
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from .drawing import letters
from .table import DARKEST, SIDE, read_table

ROOT = Path(__file__).resolve().parents[3]
"""The checkout: where `Mlfile.example` is."""

COMMAND = [sys.executable, "-m", "mlmake", "-f", "Mlfile.example", "--json", "serve", "--port", "0"]
PATIENCE = 300
"""Seconds for the whole build; it takes a few."""

IMAGE = 41
"""Which of the test images is asked about."""


def main() -> None:
    """Build and serve, ask, stop. Ends with an error if anything is not as it should be."""
    print("$ mlmake -f Mlfile.example serve --port 0", flush=True)
    began = time.monotonic()
    server = subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = wait_until_built(server)
        print(f"\nbuilt and serving after {time.monotonic() - began:.1f} s\n")
        right = ask(url, IMAGE)
    finally:
        code = stop(server)
    if code:
        sys.exit(f"the server ended with exit code {code}")
    print("the server has stopped")
    if not right:
        sys.exit("the answer is wrong")


def stop(server: "subprocess.Popen[str]") -> int:
    """Let the server finish and end; its exit code."""
    server.send_signal(signal.SIGTERM)
    try:
        return server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()


def wait_until_built(server: "subprocess.Popen[str]") -> str:
    """The server's address, once its build has ended well and models are live."""
    said: queue.Queue[dict[str, Any]] = queue.Queue()
    for stream, read in ((server.stdout, events), (server.stderr, messages)):
        assert stream is not None
        threading.Thread(target=read, args=(stream, said), daemon=True).start()
    url, live, outcome = "", False, ""
    deadline = time.monotonic() + PATIENCE
    while not (url and live and outcome == "ok"):
        try:
            event = said.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            sys.exit(f"nothing is served after {PATIENCE} s")
        match event["event"]:
            case "address":
                url = event["url"]
            case "models-changed":
                live = bool(event["live"])
            case "run-finished":
                outcome = event["outcome"]
                if outcome != "ok":
                    sys.exit(f"the build ended: {outcome}")
            case "closed":
                sys.exit(f"the server ended by itself, exit code {server.wait()}")
            case _:
                pass
    return url


def events(lines: Iterable[str], said: "queue.Queue[dict[str, Any]]") -> None:
    """Pass on what is told on stdout: an event a line."""
    for line in lines:
        said.put(json.loads(line))
    said.put({"event": "closed"})


def messages(lines: IO[str], said: "queue.Queue[dict[str, Any]]") -> None:
    """Show what is told on stderr; one line of it says where the server is."""
    for line in lines:
        print(line, end="", flush=True)
        found = re.search(r"serving (http://\S+)", line)
        if found:
            said.put({"event": "address", "url": found[1]})


def ask(url: str, image: int) -> bool:
    """Send one test image, show it with the answer; whether the answer is right."""
    test = read_table(ROOT / "build/digits/test.npz")
    pixels, label = test.pixels[image].tolist(), int(test.labels[image])
    print(letters(pixels, SIDE, DARKEST))
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
    print("by " + " and ".join(model.rpartition(":")[0] for model in models))
    return guess == label


if __name__ == "__main__":
    main()
