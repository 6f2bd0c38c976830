"""Records by suffix, in real files of each format."""

import gzip
import json
import os
import struct
import subprocess
import sys

import numpy
import pytest

from mlmake.host.records import BLOCK, NotCounted, count_lines, record_counter


def count(path):
    return record_counter(str(path))(str(path), lambda: None)


def made(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def frames(*sizes):
    return b"".join(struct.pack("<Q", n) + b"crc1" + b"\0" * n + b"crc2" for n in sizes)


@pytest.mark.parametrize(
    ("name", "data", "records"),
    [
        ("a.csv", b'id,text\n1,"a\nb"\n\n2,c', 2),
        ("a.CSV", b'\xef\xbb\xbf"id\nno",b\r\n1,2\r\n', 1),
        ("a.csv.gz", b"id\n1\n2\n3\n", 3),
        ("a.csv", b'id;text\n1;"a\nb"\n2;c\n', 2),
        ("a.csv", b"", 0),
        ("a.csv", b"id,text\n", 0),
        ("a.tsv", b'id\ttext\n1\t"a\nb"\n', 1),
        ("a.jsonl", b'{"a": 1}\n\n  \n{"a": 2}', 2),
        ("a.ndjson", b'{"a": 1}\r\n{"a": 2}\r\n', 2),
        ("a.jsonl.gz", b"1\n2\n", 2),
        ("a.tfrecord", frames(0, 3, 70_000, BLOCK * 3, 5), 5),
        ("a.tfrecords", b"", 0),
        ("a.tfrecord.gz", frames(4, BLOCK * 2, 1), 3),
    ],
)
def test_records(tmp_path, name, data, records):
    assert count(made(tmp_path, name, data)) == records


@pytest.mark.parametrize(("data", "lines"), [(b"", 0), (b"a", 1), (b"a\n", 1), (b"a\n\nb", 3)])
@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_lines(tmp_path, name, data, lines):
    assert count_lines(str(made(tmp_path, name, data)), lambda: None) == lines


def test_numpy_by_header(tmp_path):
    numpy.save(tmp_path / "a.npy", numpy.zeros((1797, 64)))
    numpy.savez(tmp_path / "b.npz", X=numpy.zeros((5, 2)), y=numpy.zeros(5), scale=numpy.float64(1))
    numpy.savez_compressed(tmp_path / "c.npz", X=numpy.zeros((5, 2)), y=numpy.zeros(4))
    numpy.save(tmp_path / "d.npy", numpy.float64(3))
    assert count(tmp_path / "a.npy") == 1797
    assert count(tmp_path / "b.npz") == 5
    assert count(tmp_path / "d.npy") == 1
    with pytest.raises(NotCounted, match=r"its arrays differ in length \(X 5, y 4\)"):
        count(tmp_path / "c.npz")


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.npy", b"nothing", "it is no NumPy file"),
        ("a.npy", b"\x93NUMPY\x01\x00\x0a\x00{'a': 1}\n\n", "it is no NumPy file"),
        ("a.npz", b"nothing", "it is no whole .npz file"),
        ("a.tfrecord", frames(5, 5)[:-2], "it ends within record 2"),
        ("a.tfrecord", frames(5)[:7], "it ends within record 1"),
        ("a.tfrecord", frames(5, BLOCK * 4)[:-1], "it ends within record 2"),
    ],
)
def test_what_is_not_whole_is_not_counted(tmp_path, name, data, says):
    with pytest.raises(NotCounted, match=says):
        count(made(tmp_path, name, data))


@pytest.mark.parametrize(
    ("data", "says"), [(b"plain", "no .gz file"), (gzip.compress(b"a\nb\n" * 99)[:-9], "whole .gz")]
)
def test_packed_files_that_are_none_or_cut(tmp_path, data, says):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(data)
    with pytest.raises(NotCounted, match=says):
        count(path)


@pytest.mark.parametrize("name", ["a.json", "a.xml", "a", "a.parquet.gz", ".csvx", "b.npy.gz"])
def test_unknown_suffixes_have_no_counter(name):
    assert record_counter(name) is None


def test_parquet_by_its_footer(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"a": list(range(1234))}), path, row_group_size=100)
    assert count(path) == 1234
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(NotCounted, match="no whole Parquet file"):
        count(path)


def test_parquet_without_its_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(NotCounted, match=r'pip install "mlmake\[parquet\]"'):
        count(made(tmp_path, "a.parquet", b"PAR1"))


def test_counting_can_be_ended_between_blocks(tmp_path):
    class Ended(Exception):
        pass

    def go_on():
        raise Ended

    with pytest.raises(Ended):
        record_counter("a.csv")(str(made(tmp_path, "a.csv", b"a,b\n" * BLOCK)), go_on)


@pytest.mark.slow
def test_a_gigabyte_of_quoted_line_ends_takes_little_memory(tmp_path):
    path, row = tmp_path / "big.csv", b'12345,"some text with\na line end and ""quotes"" in it",0.5,abc,2024-01-01\n'
    block = row * 10_000
    times = 2**30 // len(block)
    with open(path, "wb") as file:
        file.write(b"id,text,x,y,day\n")
        for _ in range(times):
            file.write(block)
    code = (
        "import json, re, sys, time\n"
        "from mlmake.host.records import record_counter\n"
        "begun = time.process_time()\n"
        "rows = record_counter(sys.argv[1])(sys.argv[1], lambda: None)\n"
        # Not getrusage, which counts what the process was before it became this one.
        "peak = int(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1]) * 1024\n"
        "print(json.dumps([rows, peak, time.process_time() - begun]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    rows, peak, seconds = json.loads(done.stdout)
    print(f"{os.path.getsize(path) / seconds / 1e9:.2f} GB/s of CPU, {peak / 1e6:.0f} MB")
    assert rows == times * 10_000
    assert peak < 100e6
