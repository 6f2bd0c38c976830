from mlmake.mlfile.problems import Place, Problem, render

TEXTS = {"Mlfile": '[target.a]\nrun = "x"\n[target.b]\n\trun = "日本" # y\n', "sub/Mlfile": "[target.c]\nrun = 1\n"}


def test_by_place_and_without_doubles():
    problems = [
        Problem(("target", "b", "run"), "third"),
        Problem(("target", "c", "run"), "fourth"),
        Problem(("target", "a", "run"), "second", at_key=True),
        Problem(("target", "a"), "first"),
        Problem(("target", "a"), "first"),
    ]
    said = render(problems, TEXTS)
    assert [line for line in said.split("\n") if "Mlfile:" in line] == [
        "Mlfile:1:9: first",
        "Mlfile:2:1: second",
        "Mlfile:4:8: third",
        "sub/Mlfile:2:7: fourth",
    ]
    assert render(problems[::-1], TEXTS) == said


def test_whole_text_with_another_place_and_a_hint():
    first = Place(("target", "c", "run"), "the other one", at_key=True)
    assert render([Problem(("target", "b", "run"), "both", "choose", also=(first,))], TEXTS) == (
        'Mlfile:4:8: both\n     run = "日本" # y\n           ^\n'
        "sub/Mlfile:2:1: the other one\n    run = 1\n    ^\nhint: choose\n"
    )


def test_the_caret_stands_below_wide_letters():
    problem = Problem((), "here", file="Mlfile", position=(4, 13))
    line, caret = render([problem], TEXTS).split("\n")[1:3]
    assert line == '     run = "日本" # y'
    # two letters of two columns each stand before the mark
    assert caret.index("^") == line.index("#") + 2


def test_without_a_text_the_name_is_all_there_is():
    problems = [Problem((), "wrong", "right", file="--set lr=x"), Problem(("params", "lr"), "bad")]
    assert render(problems, {}) == "--set lr=x: wrong\nhint: right\n\nMlfile: bad\n"


def test_a_position_beyond_the_text_shows_no_line():
    assert render([Problem((), "gone", file="Mlfile", position=(99, 1))], TEXTS) == "Mlfile:99:1: gone\n"


def test_nothing_that_moves_the_cursor_is_shown():
    said = render([Problem(("a",), "x\x1b[2J")], {"Ml\nfile": 'a = "\u202e"\n'})
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert said.startswith("Ml\N{REPLACEMENT CHARACTER}file:1:5: x\N{REPLACEMENT CHARACTER}[2J\n")


def test_no_problems_say_nothing():
    assert render([], TEXTS) == ""
