"""The page on testing pipelines: its laws are run."""

from pathlib import Path

from transcript import ROOT, follow


def test_every_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    assert follow(ROOT / "docs/testing.md", tmp_path) == 3
