"""Law 19 for age, source and metrics: one situation after a build, the decision, and exactly its reasons."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from mlmake.model.condition import Compare
from mlmake.model.decision import Verb
from mlmake.model.event import Outcome
from mlmake.model.reason import Code, Reason
from mlmake.model.validity import Scale, Tolerance
from mlmake.testing.toy.workflow import Ref, Rules, Step
from mlmake.testing.toy.world import World

FEED = "feeds/f0"
TENTH = Tolerance(Scale.SHARE, Decimal("0.1"))
SHOWN = "significant from 10 %"
CLOCK, LIMIT = Rules(fresh_for=100.0), Rules(max_age=100.0)
SOURCE, PROBED = Rules(feed=FEED), Rules(feed=FEED, probe="count", significant=TENTH)
WINDOW = replace(PROBED, fresh_for=100.0)
CONTENT_WINDOW = replace(SOURCE, fresh_for=100.0)
MADE = Ref("whole", "up")
LEAF = Ref("leaf", "data/s0")
GOOD_ENOUGH, NOT_ENOUGH = Compare("v", "<", 9), Compare("v", ">", 9)
RUN, SKIP, RESTORE = Verb.RUN, Verb.SKIP, Verb.RESTORE

Move = Callable[[World], object]


def after(seconds: float) -> Move:
    """So long after the run ended; below zero the clock went back."""

    def move(world: World) -> None:
        last = world.last("a")
        assert last is not None
        world.clock.wall = last.ended + seconds

    return move


def feed(value: int) -> Move:
    return lambda world: world.edit(FEED, value)


def moves(*several: Move) -> Move:
    return lambda world: [move(world) for move in several]


def expired(age: float) -> tuple[object, ...]:
    return Code.EXPIRED, "", 100, age, ""


def stale(age: float) -> tuple[object, ...]:
    return Code.STALE, "", 100, age, ""


def fresh(age: float) -> tuple[object, ...]:
    return Code.FRESH, "", age, 100 - age, ""


def measured(code: Code, new: int) -> tuple[object, ...]:
    return code, "count", 100, new, SHOWN


UP_TO_DATE = (Code.UP_TO_DATE, "", None, None, "")
SAME = (Code.REVALIDATED, "count", 100, 100, "")
EQUAL = (Code.REVALIDATED, "", None, None, "")

ROWS: Sequence[tuple[str, Rules, Move, Verb, tuple[object, ...]]] = [
    ("as old as it may be", LIMIT, after(100), SKIP, UP_TO_DATE),
    ("a second older", LIMIT, after(101), RUN, expired(101)),
    ("a second younger", LIMIT, after(99), SKIP, UP_TO_DATE),
    ("of this moment", LIMIT, after(0), SKIP, UP_TO_DATE),
    ("of a second to come", LIMIT, after(-1), RUN, expired(-1)),
    ("just inside its window", CLOCK, after(99), SKIP, fresh(99)),
    ("at the end of its window", CLOCK, after(100), RUN, stale(100)),
    ("a second later", CLOCK, after(101), RUN, stale(101)),
    ("at the begin of its window", CLOCK, after(0), SKIP, fresh(0)),
    ("before its window", CLOCK, after(-1), RUN, stale(-1)),
    ("the source moved within the window", WINDOW, moves(feed(500), after(99)), SKIP, fresh(99)),
    (
        "the source moved, the window ends",
        WINDOW,
        moves(feed(500), after(100)),
        RUN,
        measured(Code.SOURCE_CHANGED, 500),
    ),
    ("the clock went back, so the source is asked", WINDOW, after(-1), SKIP, SAME),
    ("a window and nothing moved", WINDOW, after(100), SKIP, SAME),
    ("as large a change as counts", PROBED, feed(110), RUN, measured(Code.SOURCE_CHANGED, 110)),
    ("one less", PROBED, feed(109), SKIP, measured(Code.REVALIDATED, 109)),
    ("as large a fall as counts", PROBED, feed(90), RUN, measured(Code.SOURCE_CHANGED, 90)),
    ("one more", PROBED, feed(91), SKIP, measured(Code.REVALIDATED, 91)),
    ("nothing changed", PROBED, after(10**9), SKIP, SAME),
    ("the same content", SOURCE, after(10**9), SKIP, EQUAL),
    ("the same content written anew", SOURCE, feed(100), SKIP, EQUAL),
    ("older than its limit, however fresh", replace(LIMIT, fresh_for=100.0), after(101), RUN, expired(101)),
    ("at its limit, its window ends", replace(LIMIT, fresh_for=100.0), after(100), RUN, stale(100)),
    ("expired before its source is asked", replace(PROBED, max_age=100.0), after(101), RUN, expired(101)),
]


@pytest.mark.parametrize(("situation", "rules", "move", "verb", "reason"), ROWS, ids=[row[0] for row in ROWS])
def test_a_situation(situation: str, rules: Rules, move: Move, verb: Verb, reason: tuple[object, ...]) -> None:
    world = World((Step(name="a", rules=rules),))
    world.clock.still = True
    world.build()
    move(world)
    world.asked.clear()
    decision = world.plan().decisions["a"]
    assert (decision.verb, decision.reasons) == (verb, (Reason(*reason),)), situation  # type: ignore[arg-type]
    told = world.build()
    assert told.outcomes() == {"a": Outcome.RAN if verb is RUN else Outcome.SKIPPED}
    assert told.ended["a"].reasons == decision.reasons
    if reason[0] in (Code.FRESH, Code.EXPIRED) and verb is SKIP:
        assert not world.asked, "nobody looks at the source within the window"
    assert set(world.build().outcomes().values()) == {Outcome.SKIPPED}, "it mends itself"


def test_changed_content_is_told_by_its_digests() -> None:
    world = World((Step(name="a", rules=SOURCE),))
    world.build()
    old = world.say("a").content
    world.edit(FEED, 101)
    told = world.build()
    assert told.ended["a"].reasons == (Reason(Code.SOURCE_CHANGED, "", old, world.say("a").content),)
    world.edit(FEED, 100)
    back = world.build()
    assert back.restored == {"a"} and back.ended["a"].reasons[1].code is Code.SOURCE_CHANGED


def test_a_window_counts_from_its_revalidation() -> None:
    """The clock of the window restarts, the baseline does not move."""
    world = World((Step(name="a", rules=WINDOW),))
    world.clock.still = True
    world.build()
    after(100)(world)
    world.edit(FEED, 106)
    assert world.build().ended["a"].reasons[0].code is Code.REVALIDATED
    after(199)(world)
    assert world.build().ended["a"].reasons == (Reason(Code.FRESH, "", 99, 1),)
    after(200)(world)
    world.edit(FEED, 110)
    assert world.build().ended["a"].reasons == (Reason(*measured(Code.SOURCE_CHANGED, 110)),)  # type: ignore[arg-type]


def two(rules: Rules, refs: tuple[Ref, ...] = (MADE,)) -> World:
    up = Step(name="up", refs=(Ref("leaf", "data/s1"),), divisor=1)
    return World((up, Step(name="a", refs=refs, divisor=1, rules=rules)))


@pytest.mark.parametrize(
    ("rules", "what", "verb", "codes"),
    [
        (Rules(enough=GOOD_ENOUGH), "data/s1", SKIP, [Code.ENOUGH]),
        (Rules(enough=NOT_ENOUGH), "data/s1", RUN, [Code.INPUT_CHANGED]),
        (Rules(enough=Compare("nowhere", "<", 9)), "data/s1", RUN, [Code.INPUT_CHANGED]),
        (Rules(enough=GOOD_ENOUGH), "data/s0", RUN, [Code.INPUT_CHANGED]),
        (Rules(enough=GOOD_ENOUGH), "p0", RUN, [Code.PARAM_CHANGED]),
        (replace(SOURCE, enough=GOOD_ENOUGH), FEED, SKIP, [Code.ENOUGH, Code.SOURCE_CHANGED]),
        (replace(SOURCE, enough=NOT_ENOUGH), FEED, RUN, [Code.SOURCE_CHANGED]),
        (replace(SOURCE, enough=GOOD_ENOUGH), "data/s1", SKIP, [Code.REVALIDATED, Code.ENOUGH]),
        (replace(LIMIT, enough=GOOD_ENOUGH), "clock", RUN, [Code.EXPIRED]),
        (replace(CLOCK, enough=GOOD_ENOUGH), "clock", RUN, [Code.STALE]),
        (replace(CLOCK, enough=GOOD_ENOUGH), "data/s1", SKIP, [Code.ENOUGH, Code.FRESH]),
    ],
)
def test_enough(rules: Rules, what: str, verb: Verb, codes: list[Code]) -> None:
    """It excuses the source and what other targets make; no recipe, no file of the project, no age."""
    world = two(rules, (MADE, LEAF))
    world.declared = (world.declared[0], replace(world.declared[1], params=("p0",)))
    world.build()
    if what == "clock":
        world.clock.wall += 1000
    elif what == "p0":
        world.params["p0"] = 3
    else:
        world.edit(what, 5)
    told = world.build()
    assert [reason.code for reason in told.ended["a"].reasons] == codes
    assert told.outcomes()["a"] is (Outcome.RAN if verb is RUN else Outcome.SKIPPED)
    if codes[-1] is Code.ENOUGH:
        assert "v" in told.ended["a"].reasons[-1].note, "with the figures"


def test_enough_of_an_incomplete_set_is_none() -> None:
    world = two(Rules(enough=GOOD_ENOUGH))
    world.build()
    last = world.last("a")
    assert last is not None
    world.traces.forget_result(last)
    world.traces.record(replace(last, complete=False))
    world.edit("data/s1", 5)
    assert world.build().ran == {"up", "a"}


COVER = replace(SOURCE, stale_if_error=100.0)


@pytest.mark.parametrize(
    ("age", "what", "options", "outcome"),
    [
        (99, FEED, {}, Outcome.STALE),
        (0, FEED, {}, Outcome.STALE),
        (100, FEED, {}, Outcome.FAILED),
        (-1, FEED, {}, Outcome.FAILED),
        (99, FEED, {"forced": ("a",)}, Outcome.FAILED),
        (99, FEED, {"exact": True}, Outcome.FAILED),
        (99, "data/s1", {}, Outcome.FAILED),
        (99, "p0", {}, Outcome.FAILED),
        (99, "down", {}, Outcome.STALE),
        (100, "down", {}, Outcome.FAILED),
        (99, "down", {"exact": True}, Outcome.FAILED),
    ],
)
def test_stale_if_error(age: float, what: str, options: dict[str, object], outcome: Outcome) -> None:
    """It covers a failed refresh within its age; nothing forced or exact, no changed recipe, no changed inputs."""
    world = two(COVER)
    world.declared = (world.declared[0], replace(world.declared[1], params=("p0",)))
    world.clock.still = True
    world.build()
    before = world.outputs(), world.traces.everything()
    after(age)(world)
    if what == "down":
        world.down.add(FEED)
    elif what == "p0":
        world.params["p0"] = 3
    else:
        world.edit(what, 5)
    world.broken.add("a")
    told = world.build(**options)  # type: ignore[arg-type]
    assert told.outcomes()["a"] is outcome
    assert told.over is not None and (told.over.outcome == "ok") is (outcome is Outcome.STALE)
    if outcome is Outcome.STALE:
        assert [reason.code for reason in told.ended["a"].reasons] == [Code.STALE_IF_ERROR]
        assert (world.outputs(), world.traces.everything()) == before and len(told.warnings()) == 1
        assert world.build().outcomes()["a"] is Outcome.STALE, "the next build tries again"


def test_stale_if_error_does_not_excuse_inputs_that_enough_does() -> None:
    """The outputs would be of other inputs."""
    world = two(replace(LIMIT, enough=GOOD_ENOUGH, stale_if_error=10.0**6))
    world.build()
    world.edit("data/s1", 5)
    world.clock.wall += 1000
    world.broken.add("a")
    assert world.build().outcomes()["a"] is Outcome.FAILED


def test_what_cannot_be_put_back_does_not_cover() -> None:
    world = two(replace(LIMIT, stale_if_error=10.0**6))
    world.build()
    world.disk.remove("out/a.json")
    world.store.objects.clear()
    world.clock.wall += 1000
    world.broken.add("a")
    told = world.build()
    assert told.outcomes()["a"] is Outcome.FAILED and told.executed.count("a") == 1


def test_an_older_result_too_old_is_not_put_back() -> None:
    world = World((Step(name="a", refs=(LEAF,), divisor=1, rules=LIMIT),))
    world.clock.still = True
    world.build()
    after(60)(world)
    world.edit("data/s0", 3)
    world.build()
    after(41)(world)
    world.edit("data/s0", 0)
    assert world.build().ran == {"a"}
    world.edit("data/s0", 3)
    assert world.build().restored == {"a"}


def test_a_tolerance_never_picks_an_older_result() -> None:
    """An equal measure does not prove an equal source, and a small change of it even less."""
    world = World((Step(name="a", refs=(LEAF,), divisor=1, rules=PROBED),))
    world.build()
    world.edit("data/s0", 3)
    world.build()
    world.edit("data/s0", 0)
    world.edit(FEED, 105)
    assert world.build().ran == {"a"}, "the first result is of 100, which is not 105"
    world.edit(FEED, 200)
    world.build()
    world.edit(FEED, 105)
    assert world.build().ran == {"a"}


def test_no_window_puts_back_an_older_result_once_the_source_is_known_to_have_moved() -> None:
    """The clock went back and forth, so that of two results the older one is the younger."""
    world = World((Step(name="a", divisor=1, rules=CONTENT_WINDOW),))
    world.clock.still = True
    world.build()
    begin = world.clock.wall
    for value, wall in ((101, begin - 500), (102, begin + 50)):
        world.edit(FEED, value)
        world.clock.wall = wall
        assert world.build().ran == {"a"}


@pytest.mark.parametrize("rules", [CLOCK, LIMIT, Rules(feed=FEED, declared=False, probe="count")])
def test_exactly_judged_a_clock_or_a_probe_of_nothing_runs(rules: Rules) -> None:
    world = World((Step(name="a", rules=rules),))
    world.build()
    told = world.build(exact=True)
    assert [reason.code for reason in told.ended["a"].reasons] == [Code.STALE] and told.ran == {"a"}


def test_exactly_judged_a_source_counts_by_content_whatever_its_probe_and_window() -> None:
    world = World((Step(name="a", rules=WINDOW),))
    world.build()
    assert not world.build(exact=True).ran
    world.edit(FEED, 101)
    assert not world.build().ran
    told = world.build(exact=True)
    assert told.ran == {"a"} and told.ended["a"].reasons[0].code is Code.SOURCE_CHANGED


def test_a_sign_counts_under_a_factor() -> None:
    world = World((Step(name="a", rules=replace(PROBED, significant=Tolerance(Scale.FACTOR, Decimal(2)))),))
    world.build()
    world.edit(FEED, 110)
    assert not world.build().ran
    world.edit(FEED, -110)
    assert world.build().ran == {"a"}


def test_not_a_number_is_what_it_was() -> None:
    """And so is a measure that is missing on both sides."""
    for number in (3, 9):
        world = World((Step(name="a", rules=replace(PROBED, probe="any")),))
        world.edit(FEED, number)
        world.build()
        assert codes_of(world) == [Code.REVALIDATED], world.say("a")


def codes_of(world: World) -> list[Code]:
    return [reason.code for reason in world.build().ended["a"].reasons]
