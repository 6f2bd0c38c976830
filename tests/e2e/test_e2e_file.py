"""The file: where it is found, what belongs to it, where parameters come from, what the project sets."""

import sys
import textwrap


def test_a_file_by_either_name_and_an_error_for_both(project):
    text = '[target.a]\nrun = "echo > {outputs}"\noutputs = ["a"]\n'
    project.write("Mlfile.toml", text)
    assert project.build().ran == {"a"}
    project.write("Mlfile", text)
    said = project.mistakes()
    assert "Mlfile" in said and "Mlfile.toml" in said


def test_it_is_found_in_the_nearest_parent_and_steps_run_in_its_folder(project, monkeypatch):
    project.mlfile('[target.a]\nrun = "pwd > {outputs}"\noutputs = ["build/a"]\n')
    (project.root / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(project.root / "deep" / "down")
    assert project.build().ran == {"a"}
    assert project.read("build/a") == f"{project.root}\n"


def test_the_search_goes_on_while_a_parent_includes_the_one_found(project, monkeypatch):
    top = '[target.top]\nrun = "echo > {outputs}"\noutputs = ["top"]\n'
    project.mlfile(f'[project]\ninclude = ["sub/Mlfile"]\n{top}')
    project.write("sub/Mlfile", '[target.below]\nrun = "pwd > {outputs}"\noutputs = ["sub/below"]\n')
    project.write("other/Mlfile", '[target.alone]\nrun = "pwd > {outputs}"\noutputs = ["alone"]\n')
    monkeypatch.chdir(project.root / "sub")
    assert project.build("top", "below").ran == {"top", "below"}
    assert project.read("sub/below") == f"{project.root}\n"
    monkeypatch.chdir(project.root / "other")
    assert project.build().ran == {"alone"}
    assert project.read("other/alone") == f"{project.root}/other\n"


def test_an_include_may_hold_what_belongs_to_targets_and_a_key_set_twice_names_both_places(project):
    project.mlfile(
        """
        [project]
        include = ["sub/Mlfile"]
        [params]
        a = 1
        [env]
        E = "main"
        """
    )
    project.write(
        "sub/Mlfile",
        """
        [params]
        b = 2
        [env]
        F = "sub"
        [resources]
        licence = 2
        [target.t]
        run = "echo {params.a} {params.b} $E $F > {outputs}"
        outputs = ["t"]
        resources = { licence = 1 }
        """,
    )
    project.build()
    assert project.read("t") == "1 2 main sub\n"
    project.edit("sub/Mlfile", 'F = "sub"', 'E = "sub"')
    said = project.mistakes()
    assert "sub/Mlfile:4:1" in said and "Mlfile:6:1" in said
    project.edit("sub/Mlfile", 'E = "sub"', "")
    project.edit("sub/Mlfile", "[env]", "[cache]")
    assert "cannot have [cache]" in project.mistakes()


def test_a_required_version_that_this_is_not(project):
    project.mlfile('[project]\nmlmake = ">=99"\n')
    assert "needs mlmake >=99" in project.mistakes()


def test_defaults_are_every_target_with_outputs_that_is_not_manual(project):
    project.mlfile(
        """
        [target.a]
        run = "echo > a"
        outputs = ["a"]
        [target.b]
        run = "echo > b"
        outputs = ["b"]
        manual = true
        [target.phony]
        run = "echo > phony-was-here"
        """
    )
    assert project.build().ran == {"a"}
    assert not (project.root / "phony-was-here").exists()
    project.edit("Mlfile", "[target.a]", '[project]\ndefault = ["b"]\n[target.a]')
    assert project.build().ran == {"b"}


def test_manual_is_left_out_of_globs_and_built_by_what_needs_it(project):
    project.mlfile(
        """
        [target.a1]
        run = "echo > a1"
        outputs = ["a1"]
        [target.a2]
        run = "echo > a2"
        outputs = ["a2"]
        manual = true
        [target.needs]
        run = "cp a2 {outputs}"
        inputs = ["a2"]
        outputs = ["needs"]
        """
    )
    assert set(project.plan("a*")) == {"a1"}
    assert project.build("needs").ran == {"a2", "needs"}


def test_params_files_are_read_first_in_three_formats_and_params_is_merged_over(project):
    project.write("one.yaml", "a: 1\nb: 1\nc: 1\nm: {x: 1, y: 1}\n")
    project.write("two.toml", "b = 2\nc = 2\n")
    project.write("three.json", '{"c": 3, "d": 4}')
    project.mlfile(
        """
        [project]
        params = ["one.yaml", "two.toml", "three.json"]
        [params]
        d = 5
        m = { y = 2 }
        [target.t]
        run = "echo {params.a} {params.b} {params.c} {params.d} {params.m.x} {params.m.y} > t"
        outputs = ["t"]
        """
    )
    project.build()
    assert project.read("t") == "1 2 3 5 1 2\n"
    project.write("one.yaml", "a: 1\nb: 1\nc: 1\nm: {x: 7, y: 1}\nunused: 9\n")
    built = project.build()
    assert built.texts("t") == ["parameter m.x 1 → 7"]


def test_python_is_the_interpreter_of_the_project(project, tmp_path):
    wrapper = project.write("bin/python", f'#!/bin/sh\nWRAPPED=yes exec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    text = """
        [target.t]
        run = '{python} -c "import os; print(os.environ.get(\\"WRAPPED\\"))" > {outputs}'
        outputs = ["t"]
        """
    project.write("Mlfile", text)
    project.build()
    assert project.read("t") == "None\n"
    project.mlfile('[project]\npython = "bin/python"\n' + textwrap.dedent(text))
    assert project.build().ran == set(), "another interpreter is no recipe"
    assert project.build("-B").ran == {"t"}
    assert project.read("t") == "yes\n"


def test_shell_is_the_projects(project):
    project.mlfile(
        """
        [project]
        shell = ["sh", "-c"]
        [target.t]
        run = "false; echo $0-$- > {outputs}"
        outputs = ["t"]
        """
    )
    project.build()
    assert project.read("t").startswith("sh-")


def test_the_default_shell_stops_at_the_first_failure_an_unset_variable_and_a_broken_pipe(project):
    for command in ("false; true", "echo $UNSET_VARIABLE", "false | true"):
        project.mlfile(f"[target.t]\nrun = '{command} > t'\noutputs = ['t']\n")
        assert project.build(code=1).outcome("t") == "failed", command


def test_every_mistake_at_once_with_place_line_caret_and_hint(project):
    project.mlfile(
        """
        [target.a]
        run = "true"
        outputz = ["a"]
        timeout = 30

        [target.b]
        run = "true"
        inputs = [":nobody"]
        outputs = ["b"]
        """
    )
    said = project.mistakes()
    assert said.count("^") >= 3
    for part in ("Mlfile:3:1: unknown key `outputz`", "did you mean `outputs`?", "Mlfile:4:11:", "Mlfile:8:"):
        assert part in said, said
    assert "timeout = 30" in said


def test_a_mistake_of_syntax_and_the_trap_of_a_table_reopened(project):
    project.mlfile('[target.a.matrix]\nk = [1]\n[target.a]\nrun = "x"\n[target.a.matrix]\nz = [1]\n')
    assert "opened twice" in project.mistakes()
    project.mlfile("[target.a\n")
    assert "Mlfile:1:" in project.mistakes()


def test_what_is_to_come_says_not_yet_and_is_exit_2(project):
    for key in ('sandbox = "strict"', 'source = "s3://bucket/raw/"'):
        project.mlfile(f'[target.a]\nrun = "touch a"\noutputs = ["a"]\n{key}\n')
        assert "not yet" in project.mistakes(), key
    project.mlfile('[target.a]\nrun = "touch a"\noutputs = ["a"]\n')
    for command in ("watch", "report", "cache push", "cache pull", "import dvc", "export argo"):
        said = project.mistakes(*command.split())
        assert "is not yet built" in said, command
    assert "not yet" in project.mistakes("build", "--watch")
    assert "not yet" in project.mistakes("plan", "--critical-path")


def test_a_target_that_is_named_like_a_command_is_built_by_build(project):
    project.mlfile('[target.plan]\nrun = "echo > {outputs}"\noutputs = ["p"]\n')
    assert project.build("plan").ran == {"plan"}
    assert "plan" in project("check").out + project("check").err
