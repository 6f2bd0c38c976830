"""Profiles for Hypothesis: the normal run is the same every time, "many" looks for what it has never seen."""

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
