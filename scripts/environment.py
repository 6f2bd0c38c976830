"""A virtual environment in `.venv` with this checkout installed; it knows nothing of what is run in it.

Needs Python's standard library and pip only, and changes nothing outside `.venv`.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv"
PYTHON = FOLDER / "bin" / "python"
STAMP = FOLDER / "mlmake-installed"
"""Tells what the environment was last set up from, and for which extras."""

FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "VIRTUAL_ENV")
"""Variables through which something installed elsewhere would get in, or something would get out."""


def python(extra: str = "") -> str:
    """The interpreter of an environment that fits, made or completed if need be; `extra` as in pyproject.toml."""
    # Nothing has asked for a version before this line runs.
    if sys.version_info < (3, 11):  # noqa: UP036
        found = sys.version.split()[0]
        sys.exit(f"this is Python {found}; call it with Python 3.11 or later: python3.11 {sys.argv[0]}")
    if FOLDER.exists() and not fits():
        sys.exit(f"{FOLDER} holds no working Python {version()}; move it away and run this again")
    if not FOLDER.exists():
        make()
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + f"{version()} {ROOT}".encode()).hexdigest()
    done = STAMP.read_text().split() if STAMP.exists() else []
    if done[:1] != [wanted] or extra not in ["", *done[1:]]:
        print(f"installing into {FOLDER.name} …", flush=True)
        install(f"{ROOT}[{extra}]" if extra else str(ROOT))
        STAMP.write_text(f"{wanted} {extra}\n")
    return str(PYTHON)


def version() -> str:
    """The version of the interpreter that runs this, without its last part."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def fits() -> bool:
    """Whether the environment there works and is of the same version."""
    try:
        told = subprocess.run(
            [PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            env=clean(),
            check=False,
        )
    except OSError:
        return False
    return told.stdout.strip() == version()


def make() -> None:
    """Make an empty environment, with a pip of its own where Python brings one along."""
    with_pip = [] if importlib.util.find_spec("ensurepip") else ["--without-pip"]
    must([sys.executable, "-m", "venv", *with_pip, str(FOLDER)])


def install(what: str) -> None:
    """Install a project with what it needs, by the environment's own pip or else by this interpreter's."""
    own = subprocess.run([PYTHON, "-c", "import pip"], capture_output=True, env=clean(), check=False).returncode == 0
    pip = [str(PYTHON), "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    must([*pip, "install", "-qq", "--disable-pip-version-check", "--editable", what])


def must(command: list[str]) -> None:
    """Run a command; if it fails, say so and end."""
    code = run(command)
    if code:
        sys.exit(f"exit code {code} from: {' '.join(command)}")


def run(command: list[str]) -> int:
    """Run a command in the checkout; its exit code, as a shell gives it."""
    code = subprocess.run(command, cwd=ROOT, env=clean(), check=False).returncode
    return code if code >= 0 else 128 - code


def clean() -> dict[str, str]:
    """The caller's variables without those that would mix installations."""
    return {name: value for name, value in os.environ.items() if name not in FOREIGN}
