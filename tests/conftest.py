"""Profiles for Hypothesis, and how many points of a sweep are tried; the normal run is the same every time."""

import signal

from hypothesis import HealthCheck, Phase, settings

_COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
}
settings.register_profile("normal", max_examples=100, derandomize=True, **_COMMON)
settings.register_profile("quick", max_examples=400, phases=[Phase.explicit, Phase.generate], **_COMMON)
settings.register_profile(
    "kill", max_examples=600, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate], **_COMMON
)
settings.register_profile("many", max_examples=2000, report_multiple_bugs=False, **_COMMON)
settings.load_profile("normal")

# A shell's job in the background begins with interrupts ignored, and so would every command that a test starts.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)


def pytest_addoption(parser):
    parser.addoption(
        "--points",
        type=int,
        metavar="N",
        help="of each sweep of tests/faults not every point: the first of every place, and others up to N in all",
    )
