"""Cases that random histories rarely meet, each a small world of its own."""

from dataclasses import replace

import pytest

from mlmake.model.decision import Verb
from mlmake.model.event import Outcome
from mlmake.model.item import Leaf, Made
from mlmake.model.job import Ended, FunctionCall, How
from mlmake.model.validity import Source, Validity
from mlmake.running.attempt import attempt
from mlmake.testing.toy.ports import FakeInstalled, FakeWorkspace
from mlmake.testing.toy.workflow import Ref, Step, text_of, version_of
from mlmake.testing.toy.world import World

S0, S1 = Ref("leaf", "data/s0"), Ref("leaf", "data/s1")


def chain() -> World:
    """A source, two steps, one behind the other; no two files are alike."""
    return World(
        (Step(name="a", refs=(S0,), divisor=3), Step(name="b", refs=(Ref("whole", "a"),), divisor=1, params=("p0",)))
    )


def test_a_plan_promises_no_more_than_it_knows() -> None:
    """Downstream of a run a target is certain only if nothing remembered could be kept."""
    world = chain()
    world.build()
    world.edit("data/s0", 1)
    assert {n: d.verb for n, d in world.plan().decisions.items()} == {"a": Verb.RUN, "b": Verb.MAYBE}
    told = world.build()
    assert told.ran == {"a"} and told.outcomes()["b"] is Outcome.SKIPPED


def test_a_plan_is_certain_where_nothing_can_be_kept() -> None:
    world = chain()
    world.build()
    world.edit("data/s0", 1)
    world.params["p0"] = 4
    assert world.plan().decisions["b"].verb is Verb.RUN
    assert world.build().ran == {"a", "b"}


def test_a_plan_doubts_an_altered_output_behind_a_run() -> None:
    """What would be put back if its inputs stay is no certain run; what cannot be put back is."""
    world = chain()
    world.build()
    world.edit("data/s0", 1)
    world.edit("out/b.json", 6)
    assert world.plan().decisions["b"].verb is Verb.MAYBE
    world.store.objects.clear()
    assert world.plan().decisions["b"].verb is Verb.RUN
    assert world.build().ran == {"a", "b"}


def fan(on_error: str) -> World:
    steps = (
        Step(name="f", refs=(S0,), fan=3, on_error=on_error),
        Step(name="g", refs=(S1,)),
        Step(name="h", refs=(Ref("whole", "f", paired=True),), fan=3),
    )
    world = World(steps)
    world.broken.add("f@k=0")
    return world


def test_on_error_stop_starts_nothing_more() -> None:
    told = fan("stop").build(jobs=1)
    assert told.with_(Outcome.FAILED) == {"f@k=0"}
    assert told.with_(Outcome.BLOCKED) == {"h@k=0"}
    assert told.with_(Outcome.CANCELLED) == {"f@k=1", "f@k=2", "g", "h@k=1", "h@k=2"}
    assert told.executed == ["f@k=0"]


def test_on_error_continue_goes_on_with_all_that_is_not_downstream() -> None:
    told = fan("continue").build(jobs=1)
    assert told.ran == {"f@k=1", "f@k=2", "g", "h@k=1", "h@k=2"}
    assert told.with_(Outcome.BLOCKED) == {"h@k=0"}


def test_keep_going_means_continue() -> None:
    assert fan("stop").build(jobs=1, keep_going=True).outcomes() == fan("continue").build(jobs=1).outcomes()


def test_on_error_trim_stops_the_siblings_only() -> None:
    told = fan("trim").build(jobs=1)
    assert told.with_(Outcome.FAILED) == {"f@k=0"}
    assert told.with_(Outcome.CANCELLED) == {"f@k=1", "f@k=2"}
    assert told.with_(Outcome.BLOCKED) == {"h@k=0", "h@k=1", "h@k=2"}
    assert told.ran == {"g"}


def test_trim_ends_siblings_that_run() -> None:
    """A sibling that has started is cancelled, and its outputs are what they were."""
    told = fan("trim").build(jobs=3, order=(0, 0))
    assert told.with_(Outcome.FAILED) == {"f@k=0"}
    assert not told.ran & {"f@k=1", "f@k=2"}
    assert told.ran == {"g"}


def test_a_damaged_object_costs_a_run_and_one_warning() -> None:
    world = chain()
    world.build()
    before = world.outputs()
    world.store.damaged |= set(world.store.objects)
    world.disk.remove("out/a.json")
    world.disk.remove("out/b.json")
    told = world.build()
    assert told.over is not None and told.over.outcome == "ok"
    assert told.ran == {"a", "b"}
    assert len(told.warnings()) == 2
    assert world.outputs() == before
    assert not world.build().executed


def test_a_damaged_object_of_an_older_result_is_never_offered_again() -> None:
    world = World((Step(name="a", refs=(S0,), divisor=1),))
    world.build()
    world.edit("data/s0", 5)
    world.build()
    world.store.damaged |= set(world.store.objects)
    world.edit("data/s0", 0)
    told = world.build()
    assert told.ran == {"a"} and len(told.warnings()) == 1
    world.store.damaged.clear()
    assert not world.build().executed


def test_the_cache_never_fails_a_build() -> None:
    world = chain()
    world.store.full = True
    told = world.build()
    assert told.over is not None and told.over.outcome == "ok"
    assert len(told.warnings()) == 1
    assert not world.build().executed


def phony_world() -> World:
    steps = (
        Step(name="up", refs=(S1,)),
        Step(name="ph", shape="phony", refs=(Ref("whole", "up"),)),
        Step(name="c", refs=(S0,), after=("ph",)),
    )
    return World(steps)


def test_a_phony_runs_only_before_a_stale_consumer() -> None:
    world = phony_world()
    assert world.build().executed == ["up", "ph", "c"]
    told = world.build()
    assert not told.executed and "ph" not in told.ended
    assert "ph" not in world.plan().decisions
    world.edit("data/s0", 3)
    assert world.plan().decisions["ph"].verb is Verb.RUN
    assert world.build().executed == ["ph", "c"]


def test_a_plan_says_that_a_phony_may_run() -> None:
    """Before something that may run."""
    steps = (
        Step(name="ph", shape="phony", refs=(S1,)),
        Step(name="a", refs=(S0,), divisor=3),
        Step(name="b", refs=(Ref("whole", "a"),), after=("ph",)),
    )
    world = World(steps)
    world.build()
    world.edit("data/s0", 1)
    verbs = {n: d.verb for n, d in world.plan().decisions.items()}
    assert verbs == {"ph": Verb.MAYBE, "a": Verb.RUN, "b": Verb.MAYBE}
    assert world.build().executed == ["a"]


def test_a_phony_runs_whenever_it_is_named() -> None:
    world = phony_world()
    world.build()
    assert world.build(("ph",)).executed == ["ph"]
    assert world.build(("ph",)).executed == ["ph"]


def test_a_phony_that_fails_blocks_a_stale_consumer() -> None:
    world = phony_world()
    world.broken.add("ph")
    told = world.build(keep_going=True)
    assert told.with_(Outcome.FAILED) == {"ph"} and told.with_(Outcome.BLOCKED) == {"c"}


def test_a_named_phony_that_failed_before_blocks_a_consumer_found_stale_later() -> None:
    steps = (
        Step(name="ph", shape="phony", refs=(S1,)),
        Step(name="a", refs=(S0,), seconds=0.5),
        Step(name="c", refs=(Ref("whole", "a"),), after=("ph",)),
    )
    world = World(steps)
    world.broken.add("ph")
    told = world.build(("ph", "c"), keep_going=True, jobs=1)
    assert told.outcomes() == {"ph": Outcome.FAILED, "a": Outcome.RAN, "c": Outcome.BLOCKED}


def test_a_phony_nobody_calls_is_not_told_though_its_input_failed() -> None:
    world = phony_world()
    world.build()
    world.edit("data/s1", 5)
    world.broken.add("up")
    told = world.build(keep_going=True)
    assert told.outcomes() == {"up": Outcome.FAILED, "c": Outcome.SKIPPED}


def test_a_phony_behind_a_failure_blocks_who_calls_it() -> None:
    world = phony_world()
    world.broken.add("up")
    told = world.build(keep_going=True)
    assert told.outcomes() == {"up": Outcome.FAILED, "ph": Outcome.BLOCKED, "c": Outcome.BLOCKED}


def test_a_group_means_its_inputs() -> None:
    world = World(
        (
            Step(name="a", refs=(S0,)),
            Step(name="b", refs=(S1,)),
            Step(name="g", shape="group", refs=(Ref("whole", "a"),)),
        )
    )
    told = world.build(("g",))
    assert told.ran == {"a"} and "g" not in told.ended
    assert told.over is not None and (told.over.outcome, told.over.ran, told.over.skipped) == ("ok", 1, 0)


def test_a_failure_in_a_group_blocks_what_comes_after_it() -> None:
    steps = (
        Step(name="a", refs=(S0,)),
        Step(name="g", shape="group", refs=(Ref("whole", "a"),)),
        Step(name="c", refs=(S1,), after=("g",)),
    )
    world = World(steps)
    world.broken.add("a")
    assert world.build(keep_going=True).with_(Outcome.BLOCKED) == {"c"}


def generated(after: tuple[str, ...] = ()) -> World:
    """A step that loads what another makes, without saying so."""
    return World(
        (Step(name="gen", refs=(S0,), divisor=1), Step(name="use", refs=(S1,), after=after, modules=("out/gen.json",)))
    )


def test_a_discovered_file_of_another_target_is_an_edge_from_then_on() -> None:
    world = generated()
    told = world.build(jobs=1)
    assert told.executed == ["gen", "use"]
    assert len([text for text in told.warnings() if "out/gen.json" in text and "inputs" in text]) == 1
    world.edit("data/s0", 4)
    assert {n: d.verb for n, d in world.plan(("use",)).decisions.items()} == {"gen": Verb.RUN, "use": Verb.MAYBE}
    told = world.build(("use",), jobs=2, order=(1, 0))
    assert told.executed == ["gen", "use"]
    assert told.reasons("use") == {("code-changed", "out/gen.json")}


def test_a_discovered_part_of_a_folder_output_is_an_edge_too() -> None:
    steps = (
        Step(name="gen", shape="folder", refs=(S0,), divisor=1),
        Step(name="use", refs=(S1,), modules=("out/gen/0",), divisor=1),
    )
    world = World(steps)
    world.build(jobs=1)
    world.edit("data/s0", 6)
    plan = world.plan(("use",))
    assert {n: d.verb for n, d in plan.decisions.items()} == {"gen": Verb.RUN, "use": Verb.MAYBE}
    told = world.build(("use",), jobs=2, order=(1, 0))
    assert told.executed == ["gen", "use"]


def test_a_step_that_loads_what_is_made_from_it_closes_a_cycle() -> None:
    world = World((Step(name="a", refs=(S0,), modules=("out/b.json",)), Step(name="b", refs=(Ref("whole", "a"),))))
    world.disk.write("out/b.json", text_of(1))
    told = world.build(keep_going=True)
    assert told.outcomes() == {"a": Outcome.FAILED, "b": Outcome.BLOCKED}
    assert "cycle" in (told.ended["a"].detail or "")
    assert world.last("a") is None
    assert "out/a.json" not in world.disk.files, "what failed leaves no output"


def test_the_order_of_inputs_counts() -> None:
    world = World((Step(name="a", refs=(S0, S1), divisor=1),))
    world.build()
    first = world.jobs[-1]
    world.declared = (Step(name="a", refs=(S1, S0), divisor=1),)
    assert world.build().reasons("a") == {("recipe-changed", "inputs")}
    for job, paths in ((first, ["data/s0", "data/s1"]), (world.jobs[-1], ["data/s1", "data/s0"])):
        assert isinstance(job.order, FunctionCall)
        assert [path.text for path in job.order.context["inputs"]] == paths  # type: ignore[attr-defined]


def test_frozen_runs_nothing_and_says_so() -> None:
    world = chain()
    told = world.build(frozen=True)
    assert told.over is not None and told.over.outcome == "not-up-to-date"
    assert not told.executed and told.with_(Outcome.BLOCKED) == {"a", "b"}
    world.build()
    world.disk.remove("out/a.json")
    told = world.build(frozen=True)
    assert told.over is not None and told.over.outcome == "ok" and told.restored == {"a"}


def test_retries_wait_longer_each_time_and_then_fail() -> None:
    world = World((Step(name="a", refs=(S0,), retries=2),))
    world.broken.add("a")
    begun = world.clock.monotonic()
    told = world.build()
    assert told.executed == ["a", "a", "a"]
    assert [text.rpartition("in ")[2] for text in told.warnings()] == ["1 s", "2 s"]
    assert world.clock.monotonic() - begun >= 3
    assert told.outcomes() == {"a": Outcome.FAILED}


def test_a_retry_that_succeeds_is_a_success() -> None:
    world = World((Step(name="a", refs=(S0,), retries=3, seconds=0.05), Step(name="b", refs=(S1,))))
    world.broken.add("a")
    mend = world.clone()
    assert mend.build(retries=0).with_(Outcome.FAILED) == {"a"}
    heard: list[str] = []
    execute = world._execute

    def on_third(job: object, cancelled: bool) -> object:
        if job.action == "a":  # type: ignore[attr-defined]
            heard.append(job.id)  # type: ignore[attr-defined]
            if len(heard) == 3:
                world.broken.clear()
        return execute(job, cancelled)  # type: ignore[arg-type]

    world._execute = on_third  # type: ignore[method-assign, assignment]
    told = world.build()
    assert told.outcomes() == {"a": Outcome.RAN, "b": Outcome.RAN}
    assert len(heard) == len(set(heard)) == 3, "each attempt has its own id"
    assert world.traces.failure("a") is None


def checkpoints() -> World:
    return World((Step(name="a", shape="two", refs=(S0,), divisor=1, keep=("a",)),))


def test_what_is_kept_stays_for_the_next_attempt_of_the_same() -> None:
    """A checkpoint stays as the failed attempt left it; with other inputs it is moved aside."""
    world = checkpoints()
    world.broken.add("a")
    world.build()
    assert world.disk.files["out/a.a"] == "half"
    assert world.traces.failure("a") is not None
    found: list[bool] = []
    execute = world._execute

    def look(job: object, cancelled: bool) -> object:
        found.append("out/a.a" in world.disk.files)
        return execute(job, cancelled)  # type: ignore[arg-type]

    world._execute = look  # type: ignore[method-assign, assignment]
    world.build()
    world.edit("data/s0", 5)
    world.build()
    assert found == [True, False], "there for the same inputs, aside for others"
    assert world.last("a") is None, "a checkpoint is never a result"


def test_a_kept_output_of_another_result_is_moved_aside() -> None:
    """What the last run made from other inputs is no checkpoint, and what its attempt leaves is one."""
    world = checkpoints()
    world.build()
    world.edit("data/s0", 5)
    world.broken.add("a")
    world.build()
    assert world.disk.files == {**world.disk.files, "out/a.a": "half", "out/a.b": text_of(0)}
    world.edit("data/s0", 0)
    world.broken.clear()
    told = world.build()
    assert told.restored == {"a"} and world.disk.files["out/a.a"] == text_of(0)


def test_an_attempt_that_may_be_cut_off_is_known_before_it_starts() -> None:
    world = checkpoints()
    found: list[str] = []
    execute = world._execute

    def look(job: object, cancelled: bool) -> object:
        durable = world.traces.clone()
        durable.load(world.traces._durable)
        failure = durable.failure("a")
        found.append("" if failure is None else failure.outcome)
        return execute(job, cancelled)  # type: ignore[arg-type]

    world._execute = look  # type: ignore[method-assign, assignment]
    world.build()
    assert found == ["started"]
    assert world.traces.failure("a") is None


def test_a_moved_source_disturbs_and_nothing_is_remembered() -> None:
    world = chain()
    world.movers["a"] = ("data/s0", 5)
    told = world.build()
    assert told.outcomes() == {"a": Outcome.DISTURBED, "b": Outcome.BLOCKED}
    assert world.last("a") is None and not world.store.records
    assert "out/a.json" in world.disk.files, "the outputs stay"
    world.movers.clear()
    assert world.build().ran == {"a", "b"}


def test_a_step_that_overwrites_its_own_input_is_disturbed() -> None:
    world = World((Step(name="a", refs=(S0,), modules=("lib/m0.py",)),))
    world.movers["a"] = ("lib/m0.py", 5)
    assert world.build().outcomes() == {"a": Outcome.DISTURBED}


def test_an_input_that_moves_before_the_start_is_judged_again() -> None:
    """It had not been read yet, so nothing is disturbed: the step runs once, on what is there now."""
    world = World((Step(name="a", refs=(S0,)), Step(name="y", refs=(S1,), divisor=1)))
    world.movers["a"] = ("data/s1", 5)
    told = world.build(jobs=1)
    assert told.outcomes() == {"a": Outcome.RAN, "y": Outcome.RAN}
    assert told.executed == ["a", "y"]
    assert world.disk.files["out/y.json"] == text_of(5)
    world.movers.clear()
    assert not world.build().executed


def test_an_input_moved_back_before_the_start_needs_no_run() -> None:
    world = World((Step(name="a", refs=(S0,), params=("p0",)), Step(name="y", refs=(S1,), divisor=1)))
    world.build()
    world.params["p0"] = 4
    world.edit("data/s1", 5)
    world.movers["a"] = ("data/s1", 1)
    told = world.build(jobs=1)
    assert told.outcomes() == {"a": Outcome.RAN, "y": Outcome.SKIPPED}


def test_a_selection_with_none_in_its_limits_fails_and_what_follows_is_blocked() -> None:
    steps = (
        Step(name="f", refs=(S0,), fan=2),
        Step(name="best", shape="select", refs=(Ref("whole", "f"),), least=5),
        Step(name="c", refs=(Ref("chosen", "best"),)),
    )
    world = World(steps)
    told = world.build()
    assert told.outcomes()["best"] is Outcome.FAILED and told.outcomes()["c"] is Outcome.BLOCKED
    assert "5" in (told.ended["best"].detail or "")


def test_the_same_choice_cuts_off() -> None:
    """A candidate that changes without winning: the selection runs, what follows does not."""
    steps = (
        Step(name="f", refs=(S0,), divisor=1, params=("p0",)),
        Step(name="g", refs=(S1,), divisor=1),
        Step(name="best", shape="select", refs=(Ref("whole", "f"), Ref("whole", "g"))),
        Step(name="c", refs=(Ref("chosen", "best"),)),
    )
    world = World(steps)
    world.edit("data/s1", 6)
    world.build()
    world.params["p0"] = 2
    told = world.build()
    assert told.ran == {"f", "best"} and told.outcomes()["c"] is Outcome.SKIPPED


def test_an_exit_code_is_told_of_what_ran_only() -> None:
    world = World((Step(name="a", refs=(S0,)), Step(name="b", refs=(S1,))))
    world.build(("a",))
    assert {n: e.exit_code for n, e in world.build().ended.items()} == {"a": None, "b": 0}
    world.broken.add("b")
    assert world.build(forced=("b",)).ended["b"].exit_code == 1


def test_a_missing_source_fails_with_its_name() -> None:
    world = chain()
    world.disk.remove("data/s0")
    told = world.build()
    assert told.outcomes() == {"a": Outcome.FAILED, "b": Outcome.BLOCKED}
    assert "data/s0" in (told.ended["a"].detail or "")


def test_a_missing_source_is_nothing_to_who_has_a_result_of_it_no_more() -> None:
    """A vanished input is a change, even though all outputs are there."""
    world = chain()
    world.build()
    world.disk.remove("data/s0")
    assert world.build().outcomes() == {"a": Outcome.FAILED, "b": Outcome.BLOCKED}


def test_lost_state_costs_no_run() -> None:
    world = chain()
    world.build()
    first = world.outputs()
    world.edit("data/s0", 6)
    world.build()
    world.edit("data/s0", 0)
    world.build()
    world.lose_state()
    told = world.build()
    assert not told.executed
    assert world.outputs() == first


def test_the_longest_path_goes_first() -> None:
    """By recorded durations, one at a time."""
    steps = (
        Step(name="short", refs=(S0,), seconds=0.05, params=("p0",)),
        Step(name="long", refs=(S0,), seconds=0.5, params=("p0",)),
        Step(name="mid", refs=(S0,), seconds=0.2, params=("p0",)),
        Step(name="after", refs=(Ref("whole", "mid"),), seconds=0.4),
    )
    world = World(steps)
    world.build(jobs=1)
    world.params["p0"] = 5
    assert [n for n in world.build(jobs=1).executed if n != "after"] == ["mid", "long", "short"]


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_no_more_run_at_once_than_asked(jobs: int) -> None:
    world = World((Step(name="f", refs=(S0,), fan=5),))
    told = world.build(jobs=jobs, order=(0,))
    assert told.at_once == jobs
    assert told.ran == set(world.everything())


def test_resources_are_never_given_twice() -> None:
    """Four places and four CPUs, of which each step takes three; more than there is counts as all there is."""
    world = World((Step(name="f", refs=(S0,), fan=3, cpus=3), Step(name="g", refs=(S0,), cpus=99)))
    told = world.build(jobs=4)
    assert told.at_once == 1
    assert told.ran == set(world.everything())


def test_no_cache_restores_nothing() -> None:
    world = chain()
    world.build()
    world.disk.remove("out/b.json")
    assert world.plan(restore=False).decisions["b"].verb is Verb.RUN
    assert world.build(restore=False).executed == ["b"]


def test_a_plan_does_not_look_into_a_folder_that_is_yet_to_be_restored() -> None:
    steps = (
        Step(name="f", shape="folder", refs=(S0,), params=("p0",), divisor=1),
        Step(name="part", refs=(Ref("part", "f"),)),
        Step(name="glob", refs=(Ref("glob", "f"),)),
    )
    world = World(steps)
    world.build()
    world.disk.remove("out/f/")
    verbs = {n: d.verb for n, d in world.plan().decisions.items()}
    assert verbs == {"f": Verb.RESTORE, "part": Verb.MAYBE, "glob": Verb.MAYBE}
    told = world.build()
    assert told.restored == {"f"} and not told.executed


def test_a_power_cut_leaves_no_record_without_its_bytes() -> None:
    """Bytes, then records, then what is said: wherever the cut comes."""
    for after in range(1, 9):
        world = chain()
        world.build(crash_after=after, power=True)
        for trace in world.traces.everything():
            assert all(product.object in world.store.objects for product in trace.outputs)
        assert world.build().over is not None


@pytest.mark.parametrize("order", [(0,), (1, 0), (0, 1, 1)])
def test_an_older_result_is_not_put_back_beside_what_it_loaded(order: tuple[int, ...]) -> None:
    """An older result that loaded a generated file, without saying so, is not put back while that file may change.

    Which of the two comes first is chance, as it was the first time: the next build knows the edge and mends it.
    """
    steps = (
        Step(name="use", refs=(S1,), divisor=1, modules=("lib/m0.py", "out/gen.json")),
        Step(name="gen", refs=(S0,), divisor=1),
    )
    world = World(steps)
    world.build(("gen",))
    world.build()
    loaded = world.last("use")
    assert loaded is not None and "out/gen.json" in dict(loaded.discovered)
    world.edit("data/s1", 2)
    world.build()
    world.edit("data/s1", 1)
    world.edit("data/s0", 6)
    told = world.build(order=order, jobs=2)
    assert told.ran == {"gen", "use"}
    assert any("out/gen.json" in text for text in told.warnings())
    world.build()
    assert not world.build().executed
    result = world.last("use")
    assert result is not None and dict(result.discovered)["out/gen.json"] == version_of(
        world.disk.files, "out/gen.json"
    )


def importing(*track: str) -> World:
    """A step that imports a package, and one behind it."""
    return World(
        (
            Step(name="a", refs=(S0,), packages=("q0", "q1"), track=track),
            Step(name="b", refs=(Ref("whole", "a"),)),
        )
    )


def test_a_changed_package_is_a_reason_where_packages_are_tracked() -> None:
    world = importing("packages")
    world.build()
    world.packages["q0"] = "2.0"
    assert {n: d.verb for n, d in world.plan().decisions.items()} == {"a": Verb.RUN, "b": Verb.MAYBE}
    told = world.build()
    assert told.ran == {"a"} and told.reasons("a") == {("code-changed", "package q0")}
    assert told.warnings() == []
    assert world.build().ran == set()
    world.packages["q0"] = "1.0"
    told = world.build()
    assert not told.executed, "the result made with the earlier version fits again"


def test_elsewhere_a_changed_package_is_warned_of_once() -> None:
    world = importing("imports")
    world.build()
    world.packages["q1"] = "2.0"
    assert world.plan().decisions["a"].verb is Verb.SKIP
    told = world.build()
    assert not told.executed
    (warning,) = told.warnings()
    assert "a" in warning and "q1 1.0 → 2.0" in warning
    before = world.image()
    assert world.build().warnings() == [] and world.image() == before
    del world.packages["q1"]
    (warning,) = world.build().warnings()
    assert "q1 1.0 → gone" in warning
    world.build(forced=("a",))
    assert world.build().warnings() == []


def test_an_undeclared_read_of_another_target_fails_and_is_not_tried_again() -> None:
    steps = (
        Step(name="gen", refs=(S0,)),
        Step(name="use", refs=(S1,), reads=("out/gen.json",), track=("files",), retries=2),
    )
    world = World(steps)
    world.build(("gen",))
    told = world.build(("use",))
    assert told.outcomes() == {"use": Outcome.FAILED} and told.executed == ["use"]
    detail = told.ended["use"].detail
    assert detail is not None and "out/gen.json, which gen makes" in detail and '":gen.a"' in detail
    assert world.last("use") is None and "out/use.json" not in world.disk.files


def test_an_undeclared_read_of_data_is_an_input_from_then_on() -> None:
    world = World((Step(name="use", refs=(S1,), reads=("data/s0",), track=("files",), divisor=1),))
    assert len([text for text in world.build().warnings() if "data/s0" in text]) == 1
    world.edit("data/s0", 5)
    told = world.build()
    assert told.reasons("use") == {("input-changed", "data/s0")}


def test_what_a_step_reads_under_its_source_is_never_discovered() -> None:
    """Its own validator judges that, whether somebody makes it or not."""
    gen = Step(name="gen", refs=(S0,))
    use = Step(name="use", refs=(S1,), reads=("out/gen.json", "data/s2"), modules=("lib/m0.py",), track=("files",))
    world = World((gen, use))
    world.build(("gen",))
    graph = world.graph()
    action = graph.actions["use"]
    items = (Made("out/gen.json", "gen"), Leaf("data/s2"), Leaf("lib/"))
    policy = replace(action.policy, validity=Validity(source=Source(items, many=True)))
    workspace = FakeWorkspace(world.disk)

    def execute() -> Ended:
        world.disk.write("out/use.json", text_of(1))
        seen = {"out/gen.json": 0.0, "data/s2": world.clock.now()}
        return Ended(How.EXITED, 0, 1.0, {"lib/m0.py": world.clock.now()}, seen)

    done = attempt(
        replace(action, policy=policy),
        (),
        job="job",
        keep=(),
        execute=execute,
        workspace=workspace,
        store=None,
        installed=FakeInstalled({}),
        maker=graph.owners.get,
        now=world.clock.now,
    )
    assert done.succeeded and not done.strange and not done.discovered and not done.read
