"""Each line of the table of decisions, tried on the page's own project."""

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from transcript import ROOT, Reader, Said, fences, settled

PAGE = ROOT / "docs/decisions.md"
ROW = re.compile(r"^\| ([^|]+?) \| `([^`]*mlmake why [^`]*)` \| ([^|]*?) ?\| ([^|]*?) ?\| ([^|]*?) ?\|$", re.MULTILINE)
ROWS = [match.groups() for match in ROW.finditer(PAGE.read_text())]
BUILT = {
    "forced", "never-built", "recipe-changed", "param-changed", "env-changed", "code-changed", "input-changed",
    "input-added", "input-removed", "output-missing", "output-altered", "always", "up-to-date", "input-may-change",
    "cached", "expired", "source-changed", "stale", "fresh", "revalidated", "enough", "stale-if-error",
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decisions")
    build(folder)
    return folder


def build(folder: Path) -> None:
    reader = Reader(folder, REGION="eu")
    for fence in fences(PAGE.read_text()):
        if fence.file:
            reader.write(fence.file, fence.text)
    printed = reader.type(Said("mlmake", "", 0, 0))
    assert "6 ran" in printed, printed


def tried(built: Path, folder: Path, command: str) -> tuple[str, str, str]:
    """The decision, its reasons and what `why` says first, in a copy of the built project."""
    shutil.copytree(built, folder, symlinks=True)
    reader = Reader(folder, REGION="eu")
    said = reader.type(Said(command, "", 0, 0)).splitlines()[0]
    *_, last = command.split("; ")
    plan = json.loads(reader.type(Said(last.replace("mlmake why", "mlmake plan --all --json"), "", 0, 0)))
    name = last.split("mlmake why ")[1].split()[0]
    (entry,) = [entry for entry in plan["targets"] if entry["instance"] == name]
    return entry["decision"], ", ".join(reason["code"] for reason in entry["reasons"]), said


@pytest.mark.parametrize(("situation", "command", "decision", "codes", "said"), ROWS, ids=[row[0] for row in ROWS])
def test_a_line_of_the_table(
    built: Path, tmp_path: Path, situation: str, command: str, decision: str, codes: str, said: str
) -> None:
    found = tried(built, tmp_path / "copy", command)
    assert found[:2] == (decision, codes.replace("`", "")), situation
    assert settled(found[2]) == settled(said), situation


def test_every_line_of_the_table_is_read() -> None:
    (table,) = re.findall(r"^\| situation .*\n\|[-|]+\n((?:\|.*\n)+)", PAGE.read_text(), re.MULTILINE)
    assert len(table.splitlines()) == len(ROWS)


def test_every_reason_that_is_built_has_a_line() -> None:
    assert {code for row in ROWS for code in row[3].replace("`", "").split(", ")} == BUILT


def main() -> None:
    """Write what is decided now into the table: python tests/docs/test_decisions.py."""
    text = PAGE.read_text()
    with tempfile.TemporaryDirectory() as top:
        build(Path(top) / "built")
        for number, match in enumerate(list(ROW.finditer(text))):
            decision, codes, said = tried(Path(top) / "built", Path(top) / str(number), match[2])
            shown = ", ".join(f"`{code}`" for code in codes.split(", "))
            text = text.replace(match[0], f"| {match[1]} | `{match[2]}` | {decision} | {shown} | {said} |")
    PAGE.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
