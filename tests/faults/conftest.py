"""Of each fault on the real command the normal run tries one variant; all others are slow."""

from itertools import groupby

import pytest
from sweeping import SWEEPS

MORE = {"test_rows_31_to_34_what_would_destroy_is_refused": 6}
"""For these tests every so-manieth variant."""

LONG = {
    "test_row_6_the_state_grows_in_silence",
    "test_row_14_a_quick_edit_of_the_same_size_is_seen",
    "test_row_23_steps_that_do_not_listen_are_killed_in_time",
    "test_row_20_a_step_that_writes_one_output_of_two_has_failed",
    "test_row_20_a_file_where_a_folder_is_declared_is_no_output",
    "test_row_22_a_step_without_memory_has_failed",
    "test_row_35_a_damaged_object_is_never_put_over_what_is_there",
    "test_a_closed_terminal_is_a_hangup",
    "test_few_descriptors_are_said",
    "test_a_lost_state_costs_nothing",
    "test_clocks_may_jump",
    "test_a_store_is_shared_by_builds_of_two_projects",
    "test_row_19_a_time_in_the_future_runs_nothing_twice",
}
"""What another test of the normal run tries in a smaller way."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    ours = [item for item in items if item.path.parent.name == "faults" and item.path.stem.endswith("_command")]
    for (_, name), variants in groupby(ours, lambda item: (item.path, item.originalname)):
        for number, item in enumerate(variants):
            every = MORE.get(name)
            if name in LONG or (number % every if every else number):
                item.add_marker(pytest.mark.slow)


@pytest.fixture
def limit(request):
    """How many points of a sweep are tried; none for all."""
    return request.config.getoption("--points")


def pytest_terminal_summary(terminalreporter):
    if SWEEPS:
        terminalreporter.section("sweeps")
        for sweep in SWEEPS:
            terminalreporter.write_line(sweep.line())
            for place in sorted(sweep.missed()) if terminalreporter.config.option.verbose > 0 else ():
                terminalreporter.write_line(f"    never struck: {place}")
