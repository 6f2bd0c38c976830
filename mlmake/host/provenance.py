"""By what and where results are made, the commit of the project among it; it does not know what is made."""

import os
import sys
import threading
from collections.abc import Mapping

LONGEST = 2.0
"""Seconds that git may take to say whether anything is changed; then that stays unknown."""

_HEAD_START = 0.1
"""Seconds that the first step waits for the answer, so that what it writes itself is rarely in it."""


class Provenance:
    """Asks at most once, and only when told to: a build in which nothing runs asks nobody.

    `python` is the interpreter of the steps, `version` that of mlmake.
    """

    def __init__(self, root: str, *, python: str, version: str, user: str, longest: float = LONGEST) -> None:
        self._root, self._longest = root, longest
        system = os.uname()
        self._told = {
            "host": system.nodename,
            "platform": f"{system.sysname} {system.release} {system.machine}",
            "user": user,
            "mlmake": version,
            "python": python,
        }
        self._asking: threading.Thread | None = None

    def ask(self) -> None:
        """Begin to ask, if nobody has begun; a step is about to run."""
        if self._asking is None:
            self._asking = threading.Thread(target=self._ask, name="provenance", daemon=True)
            self._asking.start()
            self._asking.join(_HEAD_START)

    def told(self) -> Mapping[str, str]:
        """What is known, by name; waits for answers as long as they may take."""
        self.ask()
        if self._asking is not None:
            # A git that hangs in the kernel is not waited for.
            self._asking.join(2 * self._longest + 1)
        return dict(self._told)

    def _ask(self) -> None:
        python = self._told["python"]
        found = {"python_version": _own_version() if python == sys.executable else self._version_of(python)}
        if has_repository(self._root):
            found |= self._git()
        # In one step: who does not wait for the end sees nothing half.
        self._told = self._told | {name: value for name, value in found.items() if value}

    def _git(self) -> dict[str, str]:
        """The commit, and whether a file that git tracks is another than in it; nothing if git knows of none."""
        said, ended = self._say(["git", "status", "--porcelain=v2", "--branch", "--untracked-files=no"])
        if not ended:
            commit, _ = self._say(["git", "rev-parse", "--verify", "--quiet", "HEAD"])
            return {"git": commit.strip(), "git_dirty": "unknown"} if commit.strip() else {}
        lines = said.splitlines()
        commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "")
        if not commit or commit == "(initial)":
            return {}
        return {"git": commit, "git_dirty": "yes" if any(not line.startswith("#") for line in lines) else "no"}

    def _version_of(self, python: str) -> str:
        said, _ = self._say([python, "-I", "-S", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"])
        return said.strip()

    def _say(self, argv: list[str]) -> tuple[str, bool]:
        """What a command says, nothing if it fails; and whether it has ended in time."""
        import subprocess  # noqa: PLC0415 - slow, and only where something runs

        # No lock is taken for an index that git would like to renew: another git may be at work.
        env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        try:
            done = subprocess.run(
                argv,
                cwd=self._root,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self._longest,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "", False
        except OSError:  # there is no such program: nobody says anything
            return "", True
        return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else "", True


def has_repository(folder: str) -> bool:
    """Whether this folder or one above it is under git, by a look that starts no program."""
    while not os.path.lexists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return False
        folder = parent
    return True


def _own_version() -> str:
    return ".".join(map(str, sys.version_info[:3]))
