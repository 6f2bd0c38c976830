import os
import subprocess
import sys
from pathlib import Path

import mlmake.executors.inside.bytecode as bytecode

RUN = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("bytecode", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
if sys.argv[2] == "yes":
    module.distrust()
sys.path.insert(0, "")
import lib
print(lib.VALUE)
"""


def value(folder: Path, *, distrusting: bool) -> str:
    word = "yes" if distrusting else "no"
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, bytecode.__file__, word],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def edit(folder: Path, content: str) -> None:
    place = folder / "lib.py"
    place.write_text(content)
    os.utime(place, ns=(10**18, 10**18))


def test_bytecode_of_an_edit_that_left_size_and_second_is_made_anew(tmp_path):
    edit(tmp_path, "VALUE = 1\n")
    assert value(tmp_path, distrusting=False) == "1"
    edit(tmp_path, "VALUE = 2\n")
    assert value(tmp_path, distrusting=False) == "1", "what CPython does by itself"
    assert value(tmp_path, distrusting=True) == "2"
    assert value(tmp_path, distrusting=False) == "2", "it was written anew"


def test_bytecode_that_is_younger_than_its_source_is_used(tmp_path):
    edit(tmp_path, "VALUE = 1\n")
    assert value(tmp_path, distrusting=True) == "1"
    compiled = next((tmp_path / "__pycache__").glob("lib.*.pyc"))
    before = compiled.stat().st_mtime_ns
    assert value(tmp_path, distrusting=True) == "1"
    assert compiled.stat().st_mtime_ns == before
