"""Builds under a system call tracer: which calls were made, by whom, and one of them killed or refused."""

import re
from collections import Counter
from dataclasses import dataclass

from sweeping import places_in

BIRTHS = "clone,clone3,fork,vfork,execve"
OURS = ('"-m", "mlmake"', "/mlmake/executors/", "/mlmake/stores/")
"""What is in the command line of a process that runs code of mlmake's own."""


@dataclass(frozen=True)
class Call:
    """One system call; `own` if code of mlmake made it, not a program of a step."""

    thread: int
    name: str
    place: str
    own: bool

    @property
    def site(self):
        return f"{self.name} {self.place}"


def tracer(told, calls, inject="", *, follow=True):
    """The words before a command that trace these calls of it."""
    words = ("-f",) if follow else ()
    return ("strace", *words, "-y", "-s", "200", "-qq", "-e", "signal=none", "-o", str(told), "-e",
            f"trace={calls},{BIRTHS}", *(("-e", f"inject={inject}") if inject else ()))  # fmt: skip


def calls_in(told, root):
    """The calls that were traced, in order, of all threads."""
    lines = [(thread, text) for thread, text in map(_split, told.read_text(errors="replace").splitlines())]
    parents, programs = {}, {}
    for thread, text in lines:
        if born := re.search(r"^(?:<\.\.\. )?(?:clone3?|v?fork)\b.* = (\d+)$", text):
            parents.setdefault(int(born[1]), thread)
        if text.startswith("execve("):
            programs.setdefault(thread, []).append(text)

    def is_own(thread):
        while thread not in programs and thread in parents:
            thread = parents[thread]
        return any(mark in programs.get(thread, [""])[-1] for mark in OURS)

    found = []
    for thread, text in lines:
        begun = re.match(r"(\w+)\(", text)
        if begun and begun[1] not in BIRTHS.split(","):
            found.append(Call(thread, begun[1], places_in(text, root), is_own(thread)))
    return found


def _split(line):
    """The thread, 0 where only one is followed, and what it did."""
    thread, text = re.match(r"(?:(\d+) +)?(.*)", line).groups()
    return int(thread or 0), text


def struck(told, root, call):
    """The site of this call at which a tracer struck; none if it did not. A killed call gives "?"."""
    begun = {}
    for thread, text in map(_split, told.read_text(errors="replace").splitlines()):
        if text.startswith(f"{call}("):
            begun[thread] = text
        if re.match(rf"(?:{call}\(|<\.\.\. {call} resumed>)", text) and re.search(r"\(INJECTED\)$|= \?$", text):
            return f"{call} {places_in(begun.get(thread, text), root)}"
    return None


def longest(calls):
    """The calls of the thread that made the most: so far has to go who counts the calls of each by itself."""
    count = Counter(call.thread for call in calls)
    return [call for call in calls if call.thread == count.most_common(1)[0][0]] if count else []
