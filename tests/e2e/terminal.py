"""A command on a terminal of its own, read and typed at; it knows no particular command."""

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time

LONGEST = 60.0
"""Seconds to wait for anything; only a failure takes so long."""


class Terminal:
    """A process that leads a session on a pseudo-terminal. `said` is all that has appeared there."""

    def __init__(self, argv, *, cwd, env=None):
        self.screen, self.line = pty.openpty()
        fcntl.ioctl(self.line, termios.TIOCSWINSZ, b"\x18\x00\x50\x00\x00\x00\x00\x00")
        self.said = ""
        self._seen = 0
        self.process = subprocess.Popen(
            argv,
            stdin=self.line,
            stdout=self.line,
            stderr=self.line,
            cwd=cwd,
            env={**os.environ, "TERM": "xterm", **(env or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    @classmethod
    def mlmake(cls, *words, cwd):
        return cls([sys.executable, "-m", "mlmake", *words], cwd=cwd)

    def expect(self, text):
        """Read until this appears, after all that was expected before."""
        end = time.monotonic() + LONGEST
        while (place := self.said.find(text, self._seen)) < 0:
            assert self._read(end), f"{text!r} never came:\n{self.said}"
        self._seen = place + len(text)

    def type(self, text):
        os.write(self.screen, text.encode())

    def end(self):
        """Read to the end of the process and give its exit code."""
        end = time.monotonic() + LONGEST
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it does not end:\n{self.said}"
            self._read(time.monotonic() + 0.05)
        while self._read(time.monotonic()):
            pass
        return self.process.returncode

    def modes(self):
        return termios.tcgetattr(self.line)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.screen)
        os.close(self.line)

    def _read(self, end):
        ready, _, _ = select.select([self.screen], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return False
        self.said += os.read(self.screen, 65536).decode(errors="replace")
        return True
