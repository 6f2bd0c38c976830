"""What streams can show, and names made harmless."""

import io

import pytest

from mlmake.views.screen import columns, cut, cut_inside, encodes, printable, screen_for, spelled, wrapped


class Stream(io.StringIO):
    encoding = "utf-8"

    def __init__(self, terminal):
        super().__init__()
        self.isatty = lambda: terminal


@pytest.mark.parametrize(
    ("terminal", "environ", "color", "coloured"),
    [
        (True, {"TERM": "xterm"}, "auto", True),
        (True, {"TERM": "dumb"}, "auto", False),
        (False, {}, "auto", False),
        (True, {"NO_COLOR": "1"}, "auto", False),
        (True, {"NO_COLOR": ""}, "auto", True),
        (False, {"FORCE_COLOR": "1"}, "auto", True),
        (True, {"FORCE_COLOR": "0"}, "auto", False),
        (True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, "auto", False),
        (False, {"NO_COLOR": "1"}, "always", True),
        (True, {"FORCE_COLOR": "1"}, "never", False),
    ],
)
def test_colour(terminal, environ, color, coloured):
    assert screen_for(Stream(terminal), environ, color=color).colour is coloured


def test_encodings_decide_on_symbols():
    assert encodes("utf-8", "✓→")
    assert not encodes("ascii", "✓")
    assert not encodes("latin-1", "✓")
    assert not encodes(None, "✓")
    assert not encodes("nonsense", "✓")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢", "plain ü 漢"),
        ("a\x1b[31m\x07", "a\\x1b[31m\\x07"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("caf\udce9", "caf\\xe9"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202e", "\\u202e"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_names_are_harmless(text, shown):
    assert printable(text) == shown


def test_columns_and_cuts_count_wide_characters_twice():
    assert columns("漢字a") == 5
    assert columns("e\u0301") == 1
    assert columns("1\ufe0f\u20e3") == 1
    assert columns("🎉") == 2
    assert cut("漢字漢字", 5) == "漢字…"
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"
    assert cut("abcd", 0) == ""


def test_a_cut_inside_keeps_both_ends():
    for text, width, shown in [
        ("train@part=a/1", 9, "trai…=a/1"),
        ("train@part=a/1", 14, "train@part=a/1"),
        ("漢字漢字", 5, "漢…字"),
        ("abcd", 1, "…"),
        ("abcd", 0, ""),
    ]:
        assert cut_inside(text, width) == shown


def test_wrapping_breaks_between_words_and_counts_wide_characters_twice():
    assert wrapped("a few words here", 9) == ["a few", "words", "here"]
    assert wrapped("a few words here", 12, lead=3) == ["a few", "words", "here"]
    assert wrapped("漢字 漢字 漢字", 9) == ["漢字 漢字", "漢字"]
    assert wrapped("unbreakable-and-long", 5) == ["unbreakable-and-long"]
    assert wrapped("as it  is", None) == ["as it  is"]
    assert wrapped("", 5) == wrapped("", None) == []


def test_words_of_a_badge_are_painted_where_that_can_be_read():
    coloured = screen_for(Stream(True), {"TERM": "xterm"})
    assert coloured.badge("✓", "+", "good", "fine") == "\x1b[32m✓\x1b[0m fine"
    assert coloured.badge("✗", "!", "bad", "broken") == "\x1b[31m✗ broken\x1b[0m"


def test_symbols_that_an_encoding_lacks_are_spelled_and_names_escaped():
    import codecs

    codecs.register_error("mlmake-test", spelled)
    assert "0.1 → 0.01 … ×3 ü 漢".encode("ascii", "mlmake-test") == b"0.1 -> 0.01 ... x3 \\xfc \\u6f22"
    assert "ü → ×".encode("latin-1", "mlmake-test") == "ü -> ×".encode("latin-1")
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", "mlmake-test")
