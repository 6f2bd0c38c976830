"""A build whose steps wait at gates: the test says which opens next, and hears what the build says."""

import json
import os
import select
import signal
import subprocess
import sys

PATIENCE = 15.0
"""Seconds after which a build that says nothing is taken for stuck."""


class Gated:
    """The real command, building in a process of its own. A step waits at `gates/NAME`, a FIFO."""

    def __init__(self, root, *argv, command=("build", "--json")):
        self.root = root
        self.events = []
        self._text = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlmake", *command, *argv],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=open(root / "stderr.txt", "wb"),  # noqa: SIM115 - the process has it
            start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, error, at):
        if self._process.poll() is None:
            # Its steps go with it; a second signal kills what does not.
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGTERM)
                self._process.wait()
        self._process.stdout.close()

    def open(self, name, word="go"):
        """Let the step that waits at a gate go on; waits until it has come there."""
        gate(self.root, name)
        before = signal.signal(signal.SIGALRM, self._stuck)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        try:
            with open(self.root / "gates" / name, "w") as fifo:
                fifo.write(f"{word}\n")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _stuck(self, number, frame):
        raise AssertionError(f"no step came to the gate: {self.said}")

    def until(self, wanted):
        """Read what the build says until an event fits; gives that event."""
        while True:
            event = self._next()
            assert event is not None, f"the build ended: {self.said}"
            if wanted(event):
                return event

    def ended(self, instance, **fields):
        """Wait until an instance has ended so."""
        return self.until(
            lambda e: (
                e["event"] == "target-finished"
                and e["instance"] == instance
                and all(e[key] == value for key, value in fields.items())
            )
        )

    def started(self, instance):
        """Wait until an instance has started."""
        return self.until(lambda e: e["event"] == "target-started" and e["instance"] == instance)

    def finish(self, code=0):
        """Wait for the end of the build; gives all it said."""
        while self._next() is not None:
            pass
        found = self._process.wait(PATIENCE)
        assert found == code, f"exit code {found}, not {code}: {self.said}"
        return self.events

    def kill(self, number=signal.SIGKILL):
        """Send the build a signal."""
        self._process.send_signal(number)
        if number == signal.SIGKILL:
            self._process.wait()

    @property
    def said(self):
        """Everything so far, in short, and what is on standard error."""
        told = [(e["event"], e.get("instance"), e.get("outcome") or e.get("text")) for e in self.events]
        return f"{told}\n{(self.root / 'stderr.txt').read_text()}"

    def of(self, instance, kind="target-finished"):
        """The events of an instance, in order."""
        return [e for e in self.events if e["event"] == kind and e.get("instance") == instance]

    def _next(self):
        while b"\n" not in self._text:
            readable, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
            assert readable, f"the build is stuck: {self.said}"
            more = os.read(self._process.stdout.fileno(), 65536)
            if not more:
                return None
            self._text += more
        line, self._text = self._text.split(b"\n", 1)
        self.events.append(json.loads(line))
        return self.events[-1]


def gate(root, name):
    """Make a gate, unless it is there."""
    (root / "gates").mkdir(exist_ok=True)
    if not (root / "gates" / name).exists():
        os.mkfifo(root / "gates" / name)


def gates(root, names):
    """Make the gates at which steps will wait."""
    for name in names:
        gate(root, name)
