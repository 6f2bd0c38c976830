"""All pages: their Mlfiles load, their links lead somewhere, no page is left out of the map."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from transcript import ROOT, Fence, fences

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
TOML = [(page, fence) for page in PAGES for fence in fences(page.read_text()) if fence.language == "toml"]
WHOLE = [(page, fence) for page, fence in TOML if fence.note != "fragment"]


def check(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "mlmake", "check"], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(("page", "fence"), WHOLE, ids=[f"{page.stem}-{fence.start}" for page, fence in WHOLE])
def test_a_whole_mlfile_loads(tmp_path: Path, page: Path, fence: Fence) -> None:
    for other in fences(page.read_text()):
        if other.file and other.file != "Mlfile":
            (tmp_path / other.file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / other.file).write_text(other.text)
    (tmp_path / "Mlfile").write_text(fence.text)
    if page.name == "README.md":
        (tmp_path / "steps").symlink_to(ROOT / "mlmake/examples/digits")
        (tmp_path / "data").symlink_to(ROOT / "mlmake/examples/digits/data")
    checked = check(tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "no mistakes" in checked.stdout


def test_an_mlfile_with_a_mistake_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "Mlfile").write_text(WHOLE[0][1].text.replace("inputs", "input"))
    assert check(tmp_path).returncode == 2


def test_fences_are_marked_as_a_fragment_or_a_file_or_not_at_all() -> None:
    assert WHOLE
    for page in PAGES:
        notes = {fence.note for fence in fences(page.read_text())}
        assert all(note in ("", "fragment") or note.startswith("file: ") for note in notes), (page.name, notes)


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_links_lead_to_pages_and_headings(page: Path) -> None:
    for path, _, heading in (link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text())):
        if path.startswith("https:"):
            continue
        place = page.parent / path if path else page
        assert place.is_file(), f"{page.name}: {path}"
        if heading:
            assert heading in headings(place.read_text()), f"{page.name}: {path}#{heading}"


def headings(text: str) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_map_names_every_page() -> None:
    text = (ROOT / "docs/index.md").read_text()
    assert all(f"({page.name})" in text for page in PAGES if page.parent.name == "docs" and page.name != "index.md")
