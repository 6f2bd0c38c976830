"""A step's log: capped in the middle, told as text, its end read back."""

import os

import pytest

from mlmake.executors.log import Log, tail


def written(path, chunks, **rest):
    log = Log(str(path), "job", **rest)
    for chunk in chunks:
        log.write("stdout", chunk)
    log.close()
    return path.read_bytes()


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 19, 20])
@pytest.mark.parametrize("step", [1, 3, 100])
def test_up_to_both_halves_everything_is_kept(tmp_path, size, step):
    data = bytes(i % 251 for i in range(size))
    assert written(tmp_path / "x.log", [data[i : i + step] for i in range(0, size, step)], half=10) == data
    assert os.listdir(tmp_path) == ["x.log"]


@pytest.mark.parametrize("size", [21, 25, 30, 31, 47, 1000])
@pytest.mark.parametrize("step", [1, 3, 10, 100, 1000])
def test_beyond_it_the_middle_is_left_out_and_counted(tmp_path, size, step):
    data = bytes(i % 251 for i in range(size))
    log = written(tmp_path / "x.log", [data[i : i + step] for i in range(0, size, step)], half=10)
    notice = b"\n[mlmake: %s bytes left out here; a log keeps its first and last 10 bytes]\n"
    assert log == data[:10] + notice % f"{size - 20:,}".encode() + data[-10:]


def test_folders_are_made_and_an_old_log_is_replaced(tmp_path):
    path = tmp_path / "a" / "b" / "x.log"
    written(path, [b"old and long"])
    assert written(path, [b"new"]) == b"new"


def test_both_streams_in_order_of_arrival_and_masked_apart(tmp_path):
    log = Log(str(tmp_path / "x"), "job", secrets=("secret",))
    for stream, chunk in (("stdout", b"1 sec"), ("stderr", b"2 sec"), ("stdout", b"ret."), ("stderr", b"tion")):
        log.write(stream, chunk)
    log.close()
    assert (tmp_path / "x").read_bytes() == b"1 2 ***.section"


def test_a_full_disk_costs_the_log_only():
    log = Log("/dev/full", "job")
    log.write("stdout", b"x")
    log.write("stdout", b"y")
    log.close()
    assert log.trouble is not None
    assert log.trouble.errno == 28


def said(chunks, tmp_path):
    told = []
    log = Log(str(tmp_path / "x"), "job", say=told.append)
    for chunk in chunks:
        if chunk is None:
            log.tick()
        else:
            log.write("stdout", chunk)
    log.close()
    assert {(remark.job, remark.stream) for remark in told} == {("job", "stdout")}
    return [remark.text for remark in told if remark.text]


def test_text_is_said_in_whole_lines(tmp_path):
    assert said([b"a\nb", b"c\n", b"d"], tmp_path) == ["a\n", "bc\n", "d"]


def test_a_tick_says_unfinished_lines_but_no_half_characters(tmp_path):
    assert said(["50 % é".encode()[:-1], None, "é".encode()[1:], b"\xff\n"], tmp_path) == ["50 % ", "é\ufffd\n"]


def test_a_line_without_end_is_said_in_pieces(tmp_path):
    texts = said([b"x" * 1_000_000, None, b"y" * 30_000, b"\n"], tmp_path)
    assert max(map(len, texts)) <= 1 << 16
    assert "".join(texts) == "x" * 1_000_000 + "y" * 30_000 + "\n"


def test_a_flood_is_not_said_but_counted(tmp_path):
    texts = said([b"x\n" * 500_000, b"y\n" * 500_000, None, b"z\n"], tmp_path)
    assert (
        "".join(texts) == "x\n" * 500_000 + "\n[mlmake: 1,000,000 bytes not shown here; they are in the log]\n" + "z\n"
    )


def test_the_tail_of_a_log(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(20_000)))
    assert tail(str(path)) == tuple(f"line {n}" for n in range(19_950, 20_000))
    path.write_bytes(b"a\n\nb\xff\r\nlast")
    assert tail(str(path)) == ("a", "", "b\ufffd", "last")
    assert tail(str(path), 2) == ("b\ufffd", "last")
    path.write_bytes(b"")
    assert tail(str(path)) == ()


def test_the_tail_of_one_huge_line_is_cut_in_front(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"x" * 20_000_000 + b"end")
    (line,) = tail(str(path))
    assert line.endswith("xend")
    assert len(line) == 1 << 16
