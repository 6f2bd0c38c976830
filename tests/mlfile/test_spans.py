import json

import tomli
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlmake.mlfile.spans import Spans

BARE = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
SPACE = st.sampled_from(["", " ", "  ", "\t"])
BLANK = st.sampled_from(["", " ", "\n", "\n  ", ' # note, ] } "\n', "\n\n\t", "#'''\n"])
TEXT = st.text(
    st.one_of(
        st.sampled_from(list("ab\"'\\[]{}#=,.\n\té\U0001f600")), st.characters(codec="utf-8", exclude_characters="\r")
    ),
    max_size=8,
)


def basic(text):
    out = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    return "".join(c if c == " " or not c.isspace() else f"\\u{ord(c):04x}" for c in out)


def long_basic(text):
    escaped = basic(text)[1:-1].replace("\\n", "\n").replace('\\"', '"')
    while '""' in escaped:
        escaped = escaped.replace('""', '"\\"')
    if escaped.endswith('"') and len(escaped) - len(escaped.rstrip('"')) > 2:
        escaped = escaped[:-1] + '\\"'
    return '"""\n' + escaped + '"""'


@st.composite
def strings(draw):
    text = draw(TEXT)
    forms = [basic(text), long_basic(text)]
    if all(c.isprintable() or c == "\t" for c in text):
        if "'" not in text:
            forms.append(f"'{text}'")
        if "''" not in text:
            forms.append(f"'''{text}'''")
    return draw(st.sampled_from(forms))


SCALARS = st.one_of(
    strings(),
    st.integers(-(2**60), 2**60).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: repr(float(x)).replace("e", "e")),
    st.sampled_from(
        ["true", "false", "inf", "-inf", "0xff", "1_000", "1979-05-27", "07:32:00", "07:32", "1979-05-27 07:32:00",
         "1979-05-27T00:32:00.999999-07:00"]
    ),
)  # fmt: skip


@st.composite
def keys(draw):
    def part():
        kind = draw(st.integers(0, 2))
        if kind == 0:
            return basic(draw(TEXT))
        if kind == 1:
            return "'" + "".join(c for c in draw(TEXT) if c.isprintable() and c != "'") + "'"
        return draw(BARE)

    gap = draw(SPACE)
    return f"{gap}.{gap}".join(part() for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))))


def arrays(inner):
    @st.composite
    def build(draw):
        items = draw(st.lists(inner, max_size=3))
        body = "".join(f"{draw(BLANK)}{item}{draw(BLANK)}," for item in items)
        if body and draw(st.booleans()):
            body = body[:-1]
        return f"[{body}{draw(BLANK)}]"

    return build()


def tables(inner):
    @st.composite
    def build(draw):
        items = draw(st.lists(st.tuples(keys(), inner), max_size=3))
        body = "".join(f"{draw(BLANK)}{key}{draw(SPACE)}={draw(SPACE)}{item}{draw(BLANK)}," for key, item in items)
        if body and draw(st.booleans()):
            body = body[:-1]
        return f"{{{body}{draw(BLANK)}}}"

    return build()


VALUES = st.recursive(SCALARS, lambda inner: st.one_of(arrays(inner), tables(inner)), max_leaves=6)


@st.composite
def statements(draw):
    key = draw(keys())
    match draw(st.integers(0, 5)):
        case 0:
            return f"[{key}]"
        case 1:
            return f"[[{key}]]"
        case 2:
            return "# a comment ]"
        case _:
            return f"{draw(SPACE)}{key}{draw(SPACE)}={draw(SPACE)}{draw(VALUES)}{draw(SPACE)}"


@st.composite
def documents(draw):
    """Random statements, those left out that would make the document wrong (keys that are there twice)."""
    text = ""
    for statement in draw(st.lists(statements(), max_size=8)):
        longer = text + statement + draw(st.sampled_from(["\n", "\n\n", " # x\n", "\r\n"]))
        try:
            tomli.loads(longer)
        except tomli.TOMLDecodeError:
            continue
        text = longer
    return text


def leaves(value, path=()):
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, (*path, i))


def parse_at(text, offset):
    """What a parser reads as the value that begins here: the shortest rest that is one."""
    for end in range(offset + 1, len(text) + 1):
        if end < len(text) and text[end] not in ",]}\n\t #":
            continue
        try:
            yield tomli.loads("x = " + text[offset:end])["x"]
        except tomli.TOMLDecodeError:
            continue


def same(one, two):
    return repr(one) == repr(two)


@settings(max_examples=60, deadline=None)
@given(documents())
@example('a."b.c" = """\n"x" ""\\"""""\n[d]\n[[d.e]]\nf = [[1, {g = 2}], "]"]\n[[d.e]]\nf = 1979-05-27 07:32:00\n')
@example("[[a]]\nb = 1\n[[a]]\n[a.c]\nd = 2\n[[a.e]]\nf = 3\n[a.e.g]\n")
@example("a = '''x'''''\nb = \"\"\"y\"\"\"\"\nc = 1\n")
def test_every_place_reads_as_its_value(text):
    value = tomli.loads(text)
    spans = Spans(text)
    known = dict(leaves(value))
    known.pop(())
    assert set(spans.places) == set(known)
    assert not spans.doubles
    for path, span in spans.places.items():
        if span.value is not None:
            assert any(same(read, known[path]) for read in parse_at(spans.text, span.value)), path
        if isinstance(path[-1], str):
            line_end = spans.text.find("\n", span.key)
            written = spans.text[span.key : line_end if line_end >= 0 else None]
            ends = [i for i, c in enumerate(written) if c in "=.] \t"] or [len(written)]
            assert any(_key_is(written[:end], path[-1]) for end in ends), path


def _key_is(written, name):
    try:
        return tomli.loads(f"{written} = 1") == {name: 1}
    except tomli.TOMLDecodeError:
        return False


def test_lines_and_columns_are_characters_from_one():
    spans = Spans('a = 1\r\n# é\r\n"é\U0001f600" = [\r\n  "x",\r\n  { b = 2 },\r\n]\r\n')
    assert spans.find(("a",)) == (1, 5)
    assert spans.find(("é\U0001f600",), key=True) == (3, 1)
    assert spans.find(("é\U0001f600",)) == (3, 8)
    assert spans.find(("é\U0001f600", 0)) == (4, 3)
    assert spans.find(("é\U0001f600", 1, "b"), key=True) == (5, 5)
    assert spans.find(("é\U0001f600", 1, "b")) == (5, 9)


def test_what_is_not_written_is_at_the_table_around_it():
    spans = Spans("[target.a]\nx = 1\n[target.b.matrix]\ny = []\n")
    assert spans.find(("target", "a", "run")) == (1, 9)
    assert spans.find(("target", "b")) == (3, 9)
    assert spans.find(("target", "b", "matrix", "y", 3)) == (4, 1)
    assert spans.find(("serve",)) is None
    assert spans.depth(("target", "a", "run", 0)) == 2


def test_a_header_beats_what_only_implied_it():
    spans = Spans("[target.b.matrix]\n[target.b]\n")
    assert spans.find(("target", "b")) == (2, 9)


def test_doubles_are_noted_with_their_second_place():
    assert Spans("a = 1\nb = { c = 1, c = 2 }\n").doubles == [(("b", "c"), 19)]
    assert Spans("[a]\n[b]\n[a]\n").doubles == [(("a",), 9)]
    assert Spans("[a.b]\n[a]\n[c]\n").doubles == []
    assert Spans("[a.b]\n[a]\nb.c = 1\n").doubles == [(("a", "b"), 10)]
    assert Spans("[a]\nb.c = 1\n[a.b]\n").doubles == [(("a", "b"), 15)]


def test_a_broken_text_is_known_up_to_the_mistake():
    spans = Spans("a = 1\nb = [1, 2\nc = 3\n")
    assert spans.find(("a",)) == (1, 5)
    assert spans.find(("b", 1)) == (2, 9)
    assert spans.find(("c",)) is None


def test_nesting_needs_no_recursion():
    text = "a = " + "[" * 390 + "]" * 390
    assert len(Spans(text).places) == 390


def test_endless_nesting_costs_no_memory():
    assert len(Spans("a = " + "[" * 1_000_000).places) < 500
