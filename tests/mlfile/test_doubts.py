import textwrap

import pytest
from graphs import handed

from mlmake.mlfile.build import build_graph
from mlmake.mlfile.document import load_document
from mlmake.mlfile.doubts import find_doubts
from mlmake.mlfile.parameters import merge_parameters
from mlmake.mlfile.problems import render


def doubts(reference, matrix='{ k = ["a", "b"], z = [1] }'):
    text = textwrap.dedent(
        f"""
        [target.made]
        run = "x {{outputs}}"
        outputs = {{ o = "o/{{k}}-{{n}}", p = "p/{{k}}-{{n}}" }}
        matrix = {{ k = ["a", "b"], n = [1, 2] }}
        [target.use]
        run = "x"
        inputs = ["{reference}"]
        outputs = ["u/{{instance}}"]
        matrix = {matrix}
        """
    )
    texts = {"Mlfile": text.encode()}
    document, problems = load_document(texts.get, "Mlfile")
    parameters, more = merge_parameters(document, texts.get)
    graph, wrong = build_graph(document, parameters, handed())
    assert not (*problems, *more, *wrong), render((*problems, *more, *wrong), document.texts)
    return render(find_doubts("use", document.table.target["use"], graph), document.texts)


def test_the_whole_doubt():
    assert doubts(":made.o") == textwrap.dedent(
        """\
        Mlfile:8:11: :made.o means every k of made, though use has a key of that name too
            inputs = [":made.o"]
                      ^
        hint: write :made.o@k for the own value; if every one is meant, all is well
        """
    )
    assert "hint: write :made@n=1,k for the own value" in doubts(":made@n=1")


@pytest.mark.parametrize("reference", [":made@k", ":made@*", ":made.o@k=a", ":made.o@k={k}", "o/*"])
def test_what_is_paired_pinned_or_no_reference_is_clear(reference):
    assert doubts(reference) == ""


def test_targets_that_share_no_key_are_clear():
    assert doubts(":made", matrix='{ other = ["a"] }') == ""
