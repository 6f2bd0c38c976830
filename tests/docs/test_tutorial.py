"""The tutorial, typed from its first command to its last."""

from pathlib import Path

from transcript import ROOT, follow


def test_every_command_prints_what_the_tutorial_shows(tmp_path: Path) -> None:
    assert follow(ROOT / "docs/tutorial.md", tmp_path) >= 30
