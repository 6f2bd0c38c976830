from mlmake.executors.oversize import LONGEST, shorten_env, shorten_script


def test_only_own_and_long_variables_go_by_file(tmp_path):
    path = str(tmp_path / "log")
    long = "é" * (LONGEST // 2 + 1)
    env = {"MLMAKE_INPUTS": long, "MLMAKE_PARAMS": "{}", "OTHER": long}
    short, files = shorten_env(env, path)
    assert short == {"MLMAKE_PARAMS": "{}", "OTHER": long, "MLMAKE_INPUTS_FILE": f"{path}.mlmake_inputs"}
    assert files == [f"{path}.mlmake_inputs"]
    assert (tmp_path / "log.mlmake_inputs").read_text(encoding="utf-8") == long


def test_what_fits_is_left_alone(tmp_path):
    path = str(tmp_path / "log")
    assert shorten_env({"MLMAKE_INPUTS": "x" * LONGEST}, path) == ({"MLMAKE_INPUTS": "x" * LONGEST}, [])
    argv = ("bash", "-c", "x" * LONGEST)
    assert shorten_script(argv, path) == (argv, [])
    assert list(tmp_path.iterdir()) == []


def test_a_long_script_is_read_by_its_shell_and_others_stay(tmp_path):
    path = str(tmp_path / "script")
    script = "#" * (LONGEST + 1)
    assert shorten_script(("/bin/bash", "-e", "-c", script), path) == (
        ("/bin/bash", "-e", "-c", '. "$0"', path),
        [path],
    )
    assert (tmp_path / "script").read_text() == script
    fish = ("fish", "-c", script)
    assert shorten_script(fish, path) == (fish, [])
