"""Findings whole: as text at several widths and as a document."""

from mlmake.model.finding import Section, has_problem, note, ok, problem, warning
from mlmake.views.findings import counts_line, findings_document, section_lines
from mlmake.views.screen import Screen, columns

LIMITS = Section(
    "limits",
    (
        ok("open-files", "1024 open files allowed"),
        warning("shared-memory", "64.0 MiB free", why="data loaders end with a bus error", mend="mount -o size=1G"),
    ),
)
STATE = Section("state", (problem("state-file", "it is\x1b[31m damaged", why="bytes", mend="mlmake build"),))
NOTED = Section("clock", (note("times", "coarse", why="a slow disk"),))


def test_the_text_whole():
    assert section_lines(LIMITS, Screen()) == [
        "limits",
        "  ✓ ok       1024 open files allowed",
        "  ○ warning  64.0 MiB free",
        "             why   data loaders end with a bus error",
        "             mend  mount -o size=1G",
    ]


def test_without_symbols_and_without_colour_the_words_are_there():
    lines = section_lines(STATE, Screen(symbols=False))
    assert lines[1] == "  ! problem  it is\\x1b[31m damaged"
    assert "\x1b" in section_lines(STATE, Screen(colour=True))[1]


def test_sentences_are_wrapped_and_commands_are_not():
    command = "sysctl fs.inotify.max_user_watches=524288 && one more word"
    section = Section("a", (warning("c", "a long sentence " * 5, why="b " * 40, mend=command),))
    lines = section_lines(section, Screen(width=60))
    assert [line for line in lines if columns(line) > 60] == [f"             mend  {command}"]
    assert lines[1] == "  ○ warning  a long sentence a long sentence a long sentence"
    assert lines[2] == "             a long sentence a long sentence"


def test_quiet_tells_bad_news_only():
    assert section_lines(LIMITS, Screen(), quiet=True)[1].startswith("  ○ warning")
    assert section_lines(NOTED, Screen(), quiet=True) == []


def test_the_count_and_the_verdict():
    assert counts_line([LIMITS, NOTED]) == "3 checks: 1 ok, 1 note, 1 warning, no problem"
    assert counts_line([LIMITS, STATE, STATE]) == "4 checks: 1 ok, 1 warning, 2 problems"
    assert has_problem([LIMITS, STATE])
    assert not has_problem([LIMITS, NOTED])


def test_the_document():
    document = findings_document([NOTED, LIMITS])
    assert {key: value for key, value in document.items() if key != "findings"} == {
        "schema": "mlmake.doctor/1",
        "worst": "warning",
        "ok": 1,
        "note": 1,
        "warning": 1,
        "problem": 0,
    }
    assert document["findings"][0] == {
        "area": "clock",
        "check": "times",
        "severity": "note",
        "what": "coarse",
        "why": "a slow disk",
        "mend": None,
    }
    assert findings_document([])["worst"] == "ok"
