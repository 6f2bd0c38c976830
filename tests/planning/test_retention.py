"""What may go, against a model that thinks of each result by itself."""

from hypothesis import given
from hypothesis import strategies as st

from mlmake.planning.retention import HOUR, Candidate, Policy, Tally, Why, age, due, stays, too_much

NOW = 1000 * HOUR + 1234.0
names = st.sampled_from("abcdef")
candidates = st.lists(
    st.builds(
        Candidate,
        hour=st.integers(900, 1001),
        action=st.sampled_from(["fit", "score"]),
        run=st.sampled_from(["r1", "r2", "r3"]),
        objects=st.lists(names, max_size=3).map(tuple),
        stands=st.booleans(),
    ),
    max_size=12,
)
policies = st.builds(
    Policy,
    unused_for=st.none() | st.sampled_from([0.0, 3600.0, 30 * HOUR + 1234.0, 50.5 * HOUR, 1e9]),
    max_size=st.none() | st.integers(0, 40),
    runs=st.none()
    | st.sets(st.tuples(st.sampled_from(["fit", "score"]), st.sampled_from(["r1", "r2"]))).map(frozenset),
    only_runs=st.booleans(),
)
SIZES = {"a": 1, "b": 2, "c": 4, "d": 8, "e": 0, "f": 16, "x": 32, "y": 64}
FOLDERS = {"f": ("a", "x"), "d": ("x", "y")}


def reachable(results):
    found = set()
    for result in results:
        for name in result.objects:
            found |= {name, *FOLDERS.get(name, ())}
    return found


def tally_of(results):
    """Counts as a state keeps them: each naming by a result, and one for each folder that is named."""
    count = {}
    for name in [n for result in results for n in result.objects]:
        count[name] = count.get(name, 0) + 1
    for folder in {n for result in results for n in result.objects if n in FOLDERS}:
        for part in FOLDERS[folder]:
            count[part] = count.get(part, 0) + 1
    return Tally(count=lambda n: count.get(n, 0), parts=lambda n: FOLDERS.get(n, ()), size=lambda n: SIZES[n])


@given(candidates, policies)
def test_by_age_and_run_goes_what_the_rules_say_and_nothing_that_stands(results, policy):
    for result in results:
        reason = due(result, policy, now=NOW)
        if result.stands or (policy.runs is not None and (result.action, result.run) in policy.runs):
            assert reason is None
            assert stays(result, policy)
        elif policy.unused_for is not None and NOW - (result.hour * HOUR + HOUR - 1e-9) >= policy.unused_for:
            # Even if the hit was in the last moment of its hour, it was long enough ago.
            assert reason is Why.UNUSED
        elif policy.only_runs:
            assert reason in (Why.OLD_RUN, Why.UNUSED)
        elif reason is Why.UNUSED:
            assert policy.unused_for == 0.0
            assert age(result.hour, NOW) == 0.0


@given(candidates, st.data())
def test_what_becomes_free_is_what_nobody_left_refers_to(results, data):
    going = data.draw(st.lists(st.sampled_from(results), unique_by=id)) if results else []
    tally = tally_of(results)
    free = sum(tally.let_go(result.objects) for result in going)
    left = [result for result in results if not any(result is other for other in going)]
    gone = reachable(going) - reachable(left)
    assert set(tally.freed) == gone
    assert free == sum(SIZES[name] for name in gone)


@given(candidates, st.integers(0, 150))
def test_for_size_goes_no_more_than_needed_in_the_order_of_last_hits(results, most):
    ordered = sorted(results, key=lambda result: result.hour)
    policy, tally = Policy(max_size=most), tally_of(results)
    size = total = sum(SIZES[name] for name in reachable(results))
    gone = []
    for result in ordered:
        if too_much(result, policy, size=size, tally=tally):
            gone.append(result)
            size -= tally.let_go(result.objects)
    left = [result for result in results if not any(result is other for other in gone)]
    assert size == total - sum(SIZES[n] for n in reachable(results) - reachable(left))
    assert not any(result.stands for result in gone)
    if size > most:
        assert all(result.stands or not any(SIZES[n] for n in reachable([result])) for result in left)
    if gone:
        before = [result for result in results if result not in gone[-1:] or result is not gone[-1]]
        assert len(before) == len(results) - 1
        kept_one_more = [r for r in results if not any(r is other for other in gone[:-1])]
        assert sum(SIZES[n] for n in reachable(kept_one_more)) > most


def test_an_hour_that_is_not_over_counts_as_no_time_at_all():
    assert age(1000, NOW) == 0.0
    assert age(1005, NOW) == 0.0
    assert age(999, NOW) == 1234.0
