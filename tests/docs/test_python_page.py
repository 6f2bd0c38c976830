"""The page on Python: its program is run, and prints what the page shows."""

from pathlib import Path

from transcript import ROOT, follow


def test_the_program_prints_what_the_page_shows(tmp_path: Path) -> None:
    assert follow(ROOT / "docs/python.md", tmp_path) >= 1
