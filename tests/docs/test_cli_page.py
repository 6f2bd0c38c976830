"""What the reference of the command line shows."""

from pathlib import Path

from transcript import ROOT, follow


def test_the_page_is_true(tmp_path: Path) -> None:
    assert follow(ROOT / "docs/cli.md", tmp_path) > 5
