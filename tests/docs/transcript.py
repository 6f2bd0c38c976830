"""A page of the docs as something to run: its files are written, its commands typed; it knows no particular page.

A fence after `<!-- file: PATH -->` is a file of the reader's; a `console` fence holds commands after `$ ` (going on
after `> `) and what they print. All happen in the order of the page, in one folder. To write into a page what its
commands print now: python tests/docs/transcript.py docs/tutorial.md
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from shutil import which

ROOT = Path(__file__).parents[2]
PATIENCE = 120
"""Seconds for one command, or until a server says what it should."""

HOME = "/home/you"
"""What the pages show for the folder in which their commands run."""

SHOWN_MACHINE = "laptop (Linux 6.8.0 x86_64), user you"

SHOWN_PORT = "127.0.0.1:8080"

_FENCE = re.compile(r"(?:<!-- ([^>]*?) -->\n+)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Fence:
    """One fenced sample, what the comment before it says of it, and where its text is in the page."""

    note: str
    language: str
    text: str
    start: int
    end: int

    @property
    def file(self) -> str | None:
        return self.note.removeprefix("file: ") if self.note.startswith("file: ") else None


@dataclass(frozen=True)
class Said:
    """A command of a page, what the page says it prints, and where that stands in the page."""

    command: str
    output: str
    start: int
    end: int


def fences(text: str) -> list[Fence]:
    return [Fence(m[1] or "", m[2], m[3], m.start(3), m.end(3)) for m in _FENCE.finditer(text)]


def commands(fence: Fence) -> list[Said]:
    found: list[Said] = []
    at = fence.start
    command: list[str] = []
    output = ""
    begun = at
    for line in fence.text.splitlines(keepends=True):
        fresh = line.startswith("$ ")
        if fresh and command:
            found.append(Said("\n".join(command), output, begun, at))
            command = []
        at += len(line)
        if fresh or (line.startswith("> ") and not output):
            command.append(line[2:].rstrip("\n"))
            output, begun = "", at
        else:
            assert command, f"a console sample begins with a command, not with {line!r}"
            output += line
    if command:
        found.append(Said("\n".join(command), output, begun, at))
    return found


class Reader:
    """Somebody who follows a page in an empty folder, with the checkout's mlmake; to be closed in the end."""

    def __init__(self, folder: Path, **environment: str) -> None:
        folder.mkdir(exist_ok=True)
        self.top = folder.resolve()
        self.here = self.top
        self.code = 0
        self._servers: list[subprocess.Popen[str]] = []
        self._port: str | None = None
        self._environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "HOME": str(self.top),
            "LC_ALL": "C.UTF-8",
            **environment,
        }

    def write(self, path: str, text: str) -> None:
        place = self.here / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def type(self, said: Said) -> str:
        """What the command prints, both streams as they come; fails if it fails and the page does not show it."""
        command = said.command
        if command.startswith("cd "):
            self.here = (self.here / command.removeprefix("cd ")).resolve()
            assert self.here.is_dir(), command
            return ""
        if command == "kill %1":
            return self._stop()
        if self._port:
            command = command.replace(SHOWN_PORT, self._port)
        if command.endswith(" &"):
            return self._start(command.removesuffix(" &"), said.output)
        if command.startswith("curl ") and not which("curl"):
            return fetched(command, self.here)
        if command != "echo $?":
            assert self.code == 0, f"a failure is followed by `echo $?`, not by {command}"
        ended = subprocess.run(
            ["bash", "-c", f"(exit {self.code}); {command}"],
            cwd=self.here,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        self.code = ended.returncode
        return self._shown(ended.stdout)

    def _start(self, command: str, expected: str) -> str:
        log = self.top / ".server.log"
        words = [*shlex.split(command), "--port", "0"]
        with log.open("w") as stream:
            server = subprocess.Popen(
                words, cwd=self.here, env=self._environment, stdout=stream, stderr=subprocess.STDOUT, text=True
            )
        self._servers.append(server)
        deadline = time.monotonic() + PATIENCE
        # A page that is being written says less than the server will: then its first answer has to do.
        lines = max(expected.count("\n"), 2)
        while time.monotonic() < deadline and server.poll() is None and log.read_text().count("\n") < lines:
            time.sleep(0.05)
        told = log.read_text()
        address = re.search(r"127\.0\.0\.1:\d+", told)
        self._port = address[0] if address else None
        return self._shown(told)

    def _stop(self) -> str:
        server = self._servers.pop()
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) in (0, 128 + signal.SIGTERM)
        return ""

    def _shown(self, text: str) -> str:
        if self._port:
            text = text.replace(self._port, SHOWN_PORT)
        text = re.sub(r"^(\W*machine +).*$", rf"\1{SHOWN_MACHINE}", text, flags=re.MULTILINE)
        text = re.sub(r"^(\W*python +[\d.]+) \(.*\)$", rf"\1 ({HOME}/.venv/bin/python)", text, flags=re.MULTILINE)
        return text.replace(str(self.top), HOME)

    def close(self) -> None:
        for server in self._servers:
            server.kill()
            server.wait()


def fetched(command: str, here: Path) -> str:
    """What curl would print, on a machine that has none: `-s`, `-H` and `-d @FILE` are understood."""
    words = iter(shlex.split(command)[1:])
    url, body, headers = "", None, {}
    for word in words:
        match word:
            case "-s":
                pass
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                body = (here / next(words).removeprefix("@")).read_bytes()
            case _:
                url = word
    request = urllib.request.Request(f"http://{url.removeprefix('http://')}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


_VARYING = [
    (r"\d{8}-\d{6}-[0-9a-f]{4}", "RUN"),
    (r"\b([0-9a-f]{12,64}|(?=\w*[a-f])[0-9a-f]{8})\b", "DIGEST"),
    (r"\b[0-9a-f]{4}…", "DIGEST"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME"),
    (r"\b\d+ d( \d+ h)?\b", "TIME"),
    (r"\b\d+ h \d\d min\b|\b\d+ min \d\d s\b|\b\d+(\.\d+)? ?s\b", "TIME"),
    (r", saved TIME|; the runs took TIME of work last time", ""),
    (r"\b(accuracy|f1|log_loss|error) -?[\d.e-]+", r"\1 N"),
    (r"\b(wrong) \d+", r"\1 N"),
    (r"\b\d\.\d{4,}(e-\d+)?", "N"),
    (r"and \d+ more causes", "and more causes"),
    # Which two are best hangs on a single image, and so on the processor.
    (r"^(.*\bevaluate\b.*?)\bbuild/models/[^)\n]*", r"\1MODELS"),
    (r"(is answered by|\"models\":) ?.*?(?=\}|$)", r"\1 MODELS"),
    (r"[▁▂▃▄▅▆▇█]+", "BARS"),
    (r"^(evaluate +N +)\d+", r"\1N"),
    (r"[ \t]+", " "),
    # Of a tree of results: times, versions, and all that hangs on which two are best.
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "WHEN"),
    (r"^(\W*(packages|python|mlmake|matrix|gave build/models/)).*$", r"\1 N"),
    (r"^(\W*metrics) (accuracy|f1).*$", r"\1 N"),
    (r"^([├└│ ]*[├└]─ |.* else as |.*restored |.*restore )train@\S+", r"\1MODEL"),
    (r"(restored evaluate )build/[^;\n]*", r"\1FILES"),
]
_FINISHED = re.compile(r"[✓↺○] (ran|restored|blocked) ")


def settled(text: str) -> list[str]:
    """Lines without what differs from run to run; finished steps that follow each other in order of name."""
    for pattern, instead in _VARYING:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    lines = [line.strip() for line in text.rstrip("\n").split("\n")]
    done: list[str] = []
    settled_lines: list[str] = []
    for line in [*lines, ""]:
        if _FINISHED.match(line):
            done.append(line)
            continue
        settled_lines += [*sorted(done), line]
        done = []
    return settled_lines[:-1]


def follow(page: Path, folder: Path) -> int:
    """Do all that a page says and compare what it prints; gives the number of commands."""
    text = page.read_text()
    reader = Reader(folder)
    count = 0
    try:
        for fence in fences(text):
            if fence.file:
                reader.write(fence.file, fence.text)
            elif fence.language == "console":
                for said in commands(fence):
                    printed = reader.type(said)
                    line = text.count("\n", 0, said.start)
                    assert settled(printed) == settled(said.output), f"{page.name}:{line}: {said.command}\n{printed}"
                    count += 1
    finally:
        reader.close()
    assert reader.code == 0, f"{page.name}: the last command failed"
    return count


def rewrite(page: Path) -> None:
    """Put what the commands print now in the place of what the page says."""
    text = page.read_text()
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder))
        parts, at = [], 0
        try:
            for fence in fences(text):
                if fence.file:
                    reader.write(fence.file, fence.text)
                for said in commands(fence) if fence.language == "console" else ():
                    printed = reader.type(said)
                    ended = printed if printed.endswith("\n") or not printed else f"{printed}\n"
                    parts += [text[at : said.start], ended]
                    at = said.end
        finally:
            reader.close()
    page.write_text("".join([*parts, text[at:]]))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite(Path(name))
