"""The README's Mlfile and what it prints; its two commands are named only, CI runs one and a test the other."""

import re
from pathlib import Path

from transcript import ROOT, fences, follow

PAGE = ROOT / "README.md"


def test_the_mlfile_builds_as_shown(tmp_path: Path) -> None:
    assert follow(PAGE, tmp_path) == 4


def test_it_fits_on_a_screen() -> None:
    text = PAGE.read_text()
    (mlfile,) = [fence.text for fence in fences(text) if fence.file]
    assert len(mlfile.splitlines()) <= 20
    assert len(text.splitlines()) <= 60


def test_its_two_commands_are_there_and_are_those_of_ci() -> None:
    shown = re.findall(r"^    python3\.11 (\S+)  +# ", PAGE.read_text(), re.MULTILINE)
    assert shown == ["scripts/demo.py", "scripts/test.py"]
    assert all((ROOT / path).is_file() for path in shown)
    assert f"exec python3.11 {shown[1]}\n" in (ROOT / ".ci/run").read_text()
