"""The times of files against the wall clock."""

import os
import time

import pytest

from mlmake.host import filetime
from mlmake.model.finding import Severity

SECOND = 1_000_000_000


def test_this_machine_gives_files_the_time_of_the_wall_clock(tmp_path):
    clock, times = filetime.file_clock(str(tmp_path))
    assert (clock.check, clock.severity) == ("file-clock", Severity.OK)
    assert times.what.startswith("times of files are told in steps of ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("away", "severity"),
    [(0, Severity.OK), (SECOND, Severity.OK), (3 * SECOND, Severity.WARNING), (90 * SECOND, Severity.PROBLEM)],
)
def test_another_clock_is_told_by_how_far_it_is_away(away, severity):
    assert filetime.difference(away).severity is severity


def test_a_clock_that_was_moved_is_seen(tmp_path, monkeypatch):
    real = time.time_ns
    for moved in (-5 * SECOND, 5 * SECOND):
        monkeypatch.setattr(filetime.time, "time_ns", lambda moved=moved: real() + moved)
        found = filetime.file_clock(str(tmp_path))[0]
        assert (found.severity, found.what) == (
            Severity.WARNING,
            "files get times 5.0 s away from the wall clock",
        )


@pytest.mark.parametrize(
    ("ticks", "severity", "what"),
    [
        ([4_000_000, 8_000_000], Severity.OK, "4 ms"),
        ([3_000], Severity.OK, "3 µs"),
        ([SECOND, SECOND], Severity.NOTE, "1000 ms"),
        ([], Severity.WARNING, "stood still"),
        ([4_000_000, -1], Severity.WARNING, "went back"),
    ],
)
def test_coarse_and_broken_times_are_told(ticks, severity, what):
    found = filetime.granularity(ticks)
    assert found.severity is severity
    assert what in found.what


def test_times_that_are_set_back_while_a_file_is_written_are_seen(tmp_path, monkeypatch):
    real, calls = os.pwrite, []

    def set_back(target, data, place):
        calls.append(real(target, data, place))
        os.utime(target, ns=(0, SECOND * (100 - len(calls))))

    monkeypatch.setattr(filetime.os, "pwrite", set_back)
    assert filetime.file_clock(str(tmp_path))[1].severity is Severity.WARNING


def test_records_of_the_future_are_told():
    assert filetime.newest_record(None, now=5.0).severity is Severity.OK
    assert filetime.newest_record(100.0, now=160.0).what == "the newest result is 1 min 00 s old"
    found = filetime.newest_record(7300.0, now=100.0)
    assert (found.severity, found.what) == (Severity.WARNING, "the newest result is from 2 h 00 min in the future")
