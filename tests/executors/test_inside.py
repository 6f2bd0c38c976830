"""What runs inside a step's interpreter: its syntax, its standing alone, its start-up."""

import ast
import os
import subprocess
import sys

import pytest

from mlmake.executors import inside

HERE = os.path.dirname(inside.__file__)
FILES = [os.path.join(folder, name) for folder, _, names in os.walk(HERE) for name in names if name.endswith(".py")]


@pytest.mark.parametrize("path", FILES, ids=os.path.basename)
def test_it_is_python_3_8_and_needs_the_standard_library_only(path):
    with open(path) as file:
        text = file.read()
    tree = ast.parse(text, path, feature_version=(3, 8))
    allowed = sys.stdlib_module_names | {"sitecustomize"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.module.partition(".")[0] in allowed


def test_an_old_interpreter_can_at_least_read_sitecustomize():
    """It is on the path of every Python a step starts, Python 2 too."""
    with open(os.path.join(HERE, "site", "sitecustomize.py"), encoding="ascii") as file:
        nodes = list(ast.walk(ast.parse(file.read())))
    assert not [node for node in nodes if isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.Nonlocal)]
    assert not [node for node in nodes if isinstance(node, ast.arg) and node.annotation]
    assert not [node for node in nodes if isinstance(node, ast.FunctionDef) and node.returns]
    assert "__future__" not in [node.module for node in nodes if isinstance(node, ast.ImportFrom)]


def test_tracking_imports_nothing_that_a_bare_interpreter_has_not():
    code = "import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1]); import tracking; "
    code += "print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code, HERE], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"tracking", "__future__"}


def test_a_step_outside_of_mlmake_is_empty_and_reports_nowhere(monkeypatch):
    from mlmake.executors.inside.step import current

    for name in [name for name in os.environ if name.startswith("MLMAKE_")]:
        monkeypatch.delenv(name)
    step = current()
    step.report(loss=1)
    assert (step.target, step.attempt, step.inputs, step.params) == ("", 1, {}, {})


def test_a_step_reads_its_environment(monkeypatch, tmp_path):
    from mlmake.executors.inside.step import current

    monkeypatch.setenv("MLMAKE_TARGET", "train")
    monkeypatch.setenv("MLMAKE_INSTANCE", "train@k=1")
    monkeypatch.setenv("MLMAKE_INPUTS", '["a", "b"]')
    monkeypatch.setenv("MLMAKE_OUTPUTS", '{"m": "x/m"}')
    monkeypatch.setenv("MLMAKE_PARAMS", '{"lr": 0.1}')
    monkeypatch.setenv("MLMAKE_REPORT", str(tmp_path / "report"))
    step = current()
    step.report(a=1, b=float("nan"))
    with pytest.raises(TypeError, match="a is 'x', which is not a number"):
        step.report(a="x")
    assert (step.instance, step.params["lr"]) == ("train@k=1", 0.1)
    assert [str(path) for path in (*step.inputs, step.outputs["m"])] == ["a", "b", "x/m"]
    assert (tmp_path / "report").read_text() == '{"metrics": {"a": 1.0, "b": NaN}}\n'
