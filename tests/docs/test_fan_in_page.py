"""The page on fan-in: its project is built and its commands are typed."""

from pathlib import Path

from transcript import ROOT, follow


def test_every_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    assert follow(ROOT / "docs/fan-in.md", tmp_path) == 4
