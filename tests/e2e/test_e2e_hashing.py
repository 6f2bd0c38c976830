"""Something big is told of while it is hashed: that the machine is busy, and with what."""

import os
import subprocess
import sys


def test_a_big_input_is_told_of_once_while_it_is_hashed(tmp_path):
    with open(tmp_path / "big.bin", "wb") as file:
        os.truncate(file.fileno(), 200 * 2**20)
    (tmp_path / "Mlfile").write_text('[target.t]\ninputs = ["big.bin"]\noutputs = ["o"]\nrun = "echo > o"\n')
    argv = [sys.executable, "-m", "mlmake"]
    first = subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, text=True).stderr
    assert first.splitlines()[0] == "hashing big.bin, 200.0 MiB"
    assert first.count("hashing") == 1
    quiet = subprocess.run([*argv, "-q", "-B"], cwd=tmp_path, check=True, capture_output=True, text=True).stderr
    assert quiet == ""


def test_as_json_it_is_an_event(tmp_path):
    with open(tmp_path / "big.bin", "wb") as file:
        os.truncate(file.fileno(), 200 * 2**20)
    (tmp_path / "Mlfile").write_text('[target.t]\ninputs = ["big.bin"]\noutputs = ["o"]\nrun = "echo > o"\n')
    argv = [sys.executable, "-m", "mlmake", "--json"]
    told = subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert '"event":"hashing"' in told and '"path":"big.bin"' in told
