import msgspec
import pytest

from mlmake.mlfile.policy import read_link, read_policy, read_resources, read_totals
from mlmake.mlfile.schema import TargetTable
from mlmake.model.graph import Output, Policy, Resources, Retries
from mlmake.model.units import Bytes, Seconds

MACHINE = Resources(4, Bytes(8 * 2**30), 0, {})
TOTALS = Resources(4, Bytes(8 * 2**30), 2, {"licence": 2})
OUTPUTS = (Output("model", "build/a/model.bin"), Output("metrics", "build/a/metrics.json"))


def policy(made=OUTPUTS, *, resources=None, timeout=None, totals=TOTALS, **keys):
    keys.setdefault("outputs", {"model": "build/{x}/model.bin", "metrics": "build/{x}/metrics.json"})
    target = msgspec.convert(keys, TargetTable)
    read, problems = read_policy(
        target, ("target", "t"), totals=totals, outputs=made, resources=resources, timeout=timeout
    )
    return read, [(problem.where[2:], problem.what) for problem in problems]


def test_the_default():
    assert policy() == (Policy(), [])


def test_every_key():
    read, said = policy(
        resources={"cpus": 2, "memory": "2 GiB", "gpus": 1, "licence": 1},
        timeout="1h30m",
        retries={"times": 3, "delay": "0s", "backoff": 3},
        on_error="trim",
        cache=False,
        keep=["model"],
        track=[],
        metrics="metrics",
    )
    assert said == []
    assert read == Policy(
        resources=Resources(2, Bytes(2 * 2**30), 1, {"licence": 1}),
        retries=Retries(3, Seconds(0), 3),
        timeout=Seconds(5400),
        on_error="trim",
        cache=False,
        keep=("build/a/model.bin",),
        track=(),
        metrics="metrics",
    )


def test_the_table_is_read_where_nothing_was_interpolated():
    target = TargetTable(resources={"cpus": 2}, timeout="1m", retries=2)
    read, problems = read_policy(target, ("target", "t"), totals=TOTALS)
    assert problems == ()
    assert (read.resources.cpus, read.timeout, read.retries) == (2, 60, Retries(2))


def test_cpus_are_granted_as_the_total_and_of_the_rest_too_much_is_a_mistake():
    at = {"cpus": 4, "memory": "8 GiB", "gpus": 2, "licence": 2}
    assert policy(resources=at) == (Policy(resources=Resources(4, Bytes(8 * 2**30), 2, {"licence": 2})), [])
    read, said = policy(resources={"cpus": 4.5, "memory": 8 * 2**30 + 1, "gpus": 3, "licence": 2.5})
    assert read.resources.cpus == 4
    assert said == [
        (("resources", "licence"), "`licence` is 2.5, the total is 2"),
        (("resources", "memory"), "`memory` is 8589934593 bytes, the total is 8589934592 bytes"),
        (("resources", "gpus"), "`gpus` is 3, the total is 2"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("cpus", 0, "`cpus` must be a number above 0, not 0"),
        ("cpus", -1, "`cpus` must be a number above 0, not -1"),
        ("cpus", "two", '`cpus` must be a number above 0, not "two"'),
        ("cpus", True, "`cpus` must be a number above 0, not true"),
        ("cpus", float("nan"), "`cpus` must be a number above 0, not nan"),
        ("cpus", float("inf"), "`cpus` must be a number above 0, not inf"),
        ("memory", "lots", '`memory` must be a size, not "lots"'),
        ("memory", "9" * 400, '`memory` must be a size, not "' + "9" * 40 + '…"'),
        ("memory", -1, "`memory` must be a size, not -1"),
        ("memory", 1.5, "`memory` must be a size, not 1.5"),
        ("gpus", 0.5, "`gpus` must be a whole number from 0 up, not 0.5"),
        ("gpus", -1, "`gpus` must be a whole number from 0 up, not -1"),
        ("licence", -1, "`licence` must be a number from 0 up, not -1"),
        ("licence", [], "`licence` must be a number from 0 up, not []"),
        ("licences", 1, "unknown resource `licences`"),
        ("cpu", 1, "unknown resource `cpu`"),
    ],
)
def test_bad_amounts(name, value, said):
    assert policy(resources={name: value})[1] == [(("resources", name), said)]


def test_a_name_that_is_almost_one_gets_a_hint():
    _, [problem] = read_resources({"licences": 1}, ("target", "t", "resources"), totals=TOTALS)
    assert (problem.hint, problem.at_key) == ("did you mean `licence`?", True)
    _, [problem] = read_resources({"tpu": 1}, ("target", "t", "resources"), totals=MACHINE)
    assert problem.hint == "there are cpus, memory, gpus and the names under [resources]: add `tpu` there"


@pytest.mark.parametrize("value", ["soon", "", "3", 5, "1 h", "999999999999999d", "9" * 400 + "s", "P"])
def test_bad_time_limits(value):
    read, [(where, said)] = policy(timeout=value) if value != "" else policy(timeout=" ")
    assert read.timeout is None
    assert where == ("timeout",)
    assert said.startswith("`timeout` must be a duration, not ")


def test_a_limit_of_nothing():
    assert policy(timeout="0s")[1] == [(("timeout",), "`timeout` must be longer than 0")]


def test_a_bad_pause():
    assert policy(retries={"times": 1, "delay": "x"})[1] == [
        (("retries", "delay"), '`delay` must be a duration, not "x"')
    ]


def test_outputs_are_named_by_name_by_path_or_as_written():
    for name in ("model", "build/a/model.bin", "build/{x}/model.bin"):
        assert policy(keep=[name, "model"])[0].keep == ("build/a/model.bin",)
        assert policy(metrics=name)[0].metrics == "model"
    unnamed = (Output(None, "m/a.json"),)
    for name in ("m/a.json", "m/{x}.json"):
        assert policy(unnamed, outputs=["m/{x}.json"], metrics=name)[0].metrics == "m/a.json"
    assert policy(keep=True)[0].keep == ("build/a/model.bin", "build/a/metrics.json")


def test_names_of_no_output():
    read, said = policy(keep=["model", "modle"], metrics="metric")
    assert read.keep == ("build/a/model.bin",)
    assert said == [
        (("keep", 1), '`keep` names "modle", which is none of the target\'s outputs'),
        (("metrics",), '`metrics` names "metric", which is none of the target\'s outputs'),
    ]


def test_totals_are_the_machine_under_what_is_given():
    assert read_totals({}, MACHINE) == (MACHINE, ())
    assert read_totals({"cpus": 2, "memory": "1 GiB", "licence": 3}, MACHINE) == (
        Resources(2, Bytes(2**30), 0, {"licence": 3}),
        (),
    )
    _, problems = read_totals({"cpus": 0, "memory": "x", "licence": "many"}, MACHINE)
    assert [problem.where for problem in problems] == [("resources", n) for n in ("cpus", "memory", "licence")]


def test_links():
    assert read_link("reflink,copy") == (("reflink", "copy"), ())
    assert read_link(" hardlink , copy,copy") == (("hardlink", "copy"), ())
    _, [problem] = read_link("symlink")
    assert problem.what == '"symlink" is no way to put outputs in place'
    assert [p.where for p in read_link("")[1]] == [("cache", "link")]
