"""Which programs and packages are installed and whether they run; it does not know what the project does with them."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata

from mlmake.mlfile.version import satisfies
from mlmake.model.finding import Finding, note, ok, problem

OWN = "mlmake"

WAIT = 30
"""Seconds until a program that should only tell its version is given up."""

_REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?")
_EXTRA = re.compile(r"extra\s*==\s*[\"']([^\"']+)[\"']")
_MODULES = """\
import importlib.util, sys
for name in sys.argv[1:]:
    try: found = importlib.util.find_spec(name.partition(".")[0])
    except (ImportError, ValueError): found = None
    if found is None: print(name)
"""

Version = Callable[[str], str | None]
"""Gives the version of an installed package; None if it is not there."""


def installed_version(package: str) -> str | None:
    """The version of a package beside this mlmake."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def requirements() -> tuple[str, Sequence[str]]:
    """The Python that mlmake asks for and its requirements, as it was installed; nothing if it was not."""
    try:
        told = metadata.metadata(OWN)
    except metadata.PackageNotFoundError:
        return "", ()
    return (told.get_all("Requires-Python") or [""])[0], metadata.requires(OWN) or ()


def python(required: str, *, version: str) -> Finding:
    """Whether the Python that runs mlmake is one it was made for."""
    told = f"Python {version} runs mlmake"
    if not required or satisfies(version, required) is not False:
        return ok("python", told)
    return problem("python", told, why=f"it asks for {required}", mend="install mlmake for a newer Python")


def packages(required: Iterable[str], version: Version = installed_version) -> list[Finding]:
    """Whether what mlmake needs is there in the versions it asks for; of its extras, what is missing."""
    wrong, count, extras = [], 0, dict[str, list[str]]()
    for text in required:
        name, wanted, extra = parsed(text)
        fits = _misfit(name, wanted, version)
        if extra is not None:
            extras.setdefault(extra, [])
            extras[extra] += [fits] if fits else []
            continue
        count += 1
        wrong += [fits] if fits else []
    findings = [_own(wrong, count)]
    for extra, missing in extras.items():
        if missing:
            mend = f"pip install 'mlmake[{extra}]'"
            why = "only what needs this extra does not work"
            findings.append(note(f"extra-{extra}", f"{', '.join(missing)} (extra {extra})", why=why, mend=mend))
        else:
            findings.append(ok(f"extra-{extra}", f"all of extra {extra} is there"))
    return findings


def parsed(requirement: str) -> tuple[str, str, str | None]:
    """The package, the versions and the extra (none: always needed) of a requirement as in a package's metadata."""
    found = _REQUIREMENT.match(requirement)
    if found is None:
        return requirement, "", None
    extra = _EXTRA.search(found[3] or "")
    return found[1], found[2].strip(), extra[1] if extra else None


def interpreter(path: str) -> Finding:
    """Whether the interpreter of the project's steps runs."""
    try:
        told = _said([path, "-c", "import platform; print(platform.python_version())"])
    except (OSError, subprocess.SubprocessError) as error:
        return problem(
            "interpreter",
            f"{path} does not run: {_cause(error)}",
            why="every `call` step and {python} need it",
            mend="make that environment, or change `python` under [project]",
        )
    return ok("interpreter", f"Python {told.strip()} runs the steps ({path})")


def modules(path: str, wanted: Sequence[str], *, root: str) -> Finding | None:
    """Whether the interpreter of the steps finds what is to be imported once; nothing is imported."""
    if not wanted:
        return None
    try:
        missing = _said([path, "-c", _MODULES, *wanted], folder=root).split()
    except (OSError, subprocess.SubprocessError):
        # That it does not run is a finding of its own.
        return None
    if not missing:
        return ok("preload", f"{', '.join(wanted)} can be imported")
    return problem(
        "preload",
        f"{path} does not find {', '.join(missing)}",
        why="`call` steps cannot start",
        mend=f"{path} -m pip install PACKAGE, or change `preload` under [project]",
    )


def program(name: str, *, why: str) -> Finding:
    """Whether a program that is useful, but not needed, is there and runs."""
    try:
        told = _said([name, "--version"]).partition("\n")[0]
    except (OSError, subprocess.SubprocessError) as error:
        return note(name, f"{name} does not run: {_cause(error)}", why=why, mend=f"install {name}")
    return ok(name, told)


def shell(argv: Sequence[str]) -> Finding:
    """Whether the project's shell runs a script."""
    try:
        told = _said([*argv, "echo mlmake"])
    except (OSError, subprocess.SubprocessError) as error:
        told = _cause(error)
    if told == "mlmake\n":
        return ok("shell", f"{argv[0]} runs the scripts")
    return problem(
        "shell",
        f"the shell {' '.join(argv)} does not run `echo mlmake`: {told.strip()[:80]}",
        why="every `run` string is a script for it",
        mend="install it, or change `shell` under [project]",
    )


def _own(wrong: Sequence[str], count: int) -> Finding:
    if not count and not wrong:
        return note("packages", "mlmake runs from its source, not installed", why="its requirements are not known")
    if not wrong:
        return ok("packages", f"all {count} packages that mlmake needs are there, in versions it was made for")
    return problem(
        "packages",
        "; ".join(wrong),
        why="mlmake was made for other versions",
        mend=f"{sys.executable} -m pip install --upgrade mlmake",
    )


def _misfit(name: str, wanted: str, version: Version) -> str:
    """What is wrong with a package; empty if nothing is."""
    found = version(name)
    if found is None:
        return f"{name} is missing"
    return f"{name} is {found}, not {wanted}" if wanted and satisfies(found, wanted) is False else ""


def _said(command: Sequence[str], *, folder: str | None = None) -> str:
    """What a program prints. Raises OSError and SubprocessError."""
    # Its own words, whatever the language of the machine.
    environ = {**os.environ, "LC_ALL": "C"}
    how = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "errors": "replace"}
    done = subprocess.run(command, cwd=folder, env=environ, timeout=WAIT, check=True, **how)  # type: ignore[call-overload]
    return str(done.stdout)


def _cause(error: OSError | subprocess.SubprocessError) -> str:
    match error:
        case subprocess.CalledProcessError():
            last = str(error.stderr or "").strip().rpartition("\n")[2]
            return f"exit code {error.returncode}" + (f", {last[:120]}" if last else "")
        case subprocess.TimeoutExpired():
            return f"no answer within {WAIT} s"
        case OSError():
            return os.strerror(error.errno) if error.errno else str(error)
        case _:
            return str(error)
