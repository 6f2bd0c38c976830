"""Carries out a random history in the toy world, and what holds after every build of it whatever happens."""

from collections import Counter
from dataclasses import replace

from oracle import leaves, outputs_at, reads
from rulebook import TROUBLE, Case, Unsure, rule

from mlmake.model.condition import Compare
from mlmake.model.event import GOOD, Outcome
from mlmake.model.trace import Trace
from mlmake.testing.toy.strategies import Do
from mlmake.testing.toy.workflow import FEEDS, MODULES, PARAMS, SIZE, SOURCES, inputs_of, number_in, step_of, version_of
from mlmake.testing.toy.world import Told, World


class History:
    """A world with what has happened in it. `counted` are the kinds of things that came about."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.counted: Counter[str] = Counter()
        self.earlier: dict[str, list[int]] = {}

    def live(self, things: list[Do]) -> None:
        """Let all happen, in order."""
        for thing in things:
            self.do(thing)

    def do(self, thing: Do) -> None:
        """Let one thing happen."""
        world, a, b = self.world, thing.a, thing.b
        files = sorted(path for path in world.disk.files if path.startswith("out/"))
        names = world.everything() or tuple(sorted(world.graph().actions))
        anything = sorted(world.graph().actions)
        objects = sorted(world.store.objects)
        match thing.kind:
            case "edit":
                self._edit((*SOURCES, *MODULES)[a % 5], b % 4)
            case "revert":
                if self.earlier:
                    path = sorted(self.earlier)[a % len(self.earlier)]
                    now = number_in(self.world.disk.files.get(path, ""))
                    past = [value for value in self.earlier[path] if value != now]
                    if past:
                        self.counted["revert"] += 1
                        self._edit(path, past[b % len(past)])
            case "param":
                world.params[PARAMS[a % 2]] = b % 3
            case "clock":
                world.clock.wall += (-500, -3, 3, 5000)[b % 4]
            case "delete" if files:
                self.counted["tampering"] += 1
                world.disk.remove(files[a % len(files)])
            case "spoil" if files:
                self.counted["tampering"] += 1
                world.edit(files[a % len(files)], SIZE + b)
            case "wipe":
                world.store.objects.clear()
            case "lose-object" if objects:
                del world.store.objects[objects[a % len(objects)]]
            case "damage" if objects:
                world.store.damaged.add(objects[a % len(objects)])
            case "full":
                world.store.full = b % 2 == 0
            case "lose-state":
                world.lose_state()
            case "fail":
                world.broken.add(anything[a % len(anything)])
            case "lazy":
                world.lazy.add(names[a % len(names)])
            case "moved":
                path = (*SOURCES, *FEEDS)[(a + b) % 5]
                world.movers[anything[a % len(anything)]] = (path, 98 + b if path in FEEDS else b)
            case "feed":
                path = FEEDS[a % 2]
                now = number_in(world.disk.files[path]) if path in world.disk.files else 100
                self._edit(path, (now + 1, now + 1, now - 1, now + 2, now * 2, 100, b)[b % 7])
            case "tick":
                world.clock.wall += (1, 3, 4, 299, 300, 301, 6000)[b % 7]
            case "policy":
                self._rule(a, b)
            case "down":
                world.down.add(FEEDS[a % 2])
            case "gone":
                world.disk.remove(FEEDS[a % 2])
            case "up":
                world.down.clear()
            case "mend":
                world.repair()
            case "build":
                self.build(order=thing.c, jobs=1 + b % 3)
            case "subset":
                self.build((anything[a % len(anything)], anything[b % len(anything)]), order=thing.c)
            case "forced":
                self.build(forced=(anything[a % len(anything)],), order=thing.c)
            case "exact":
                self.build(exact=True, order=thing.c)
            case "uncached":
                self.build(restore=False, order=thing.c)
            case "keep-going":
                self.build(keep_going=True, order=thing.c)
            case "stopped":
                self.build(keep_going=False, order=thing.c)
            case "interrupt":
                self.build(interrupts=(b, b + a % 3), order=thing.c)
            case "crash":
                self.build(crash_after=1 + a, order=thing.c)
            case "power":
                self.build(crash_after=1 + a, power=True, order=thing.c)

    def _edit(self, path: str, value: int) -> None:
        self.earlier.setdefault(path, []).append(number_in(self.world.disk.files.get(path, "")))
        self.world.edit(path, value)

    def _rule(self, which: int, how: int) -> None:
        """Somebody changes a rule of a target that has it."""
        steps = self.world.declared
        step = steps[which % len(steps)]
        rules = step.rules
        if rules.fresh_for is not None and how < 3:
            rules = replace(rules, fresh_for=(4.0, 300.0, 6000.0)[how])
        elif rules.probe is not None and how == 3:
            rules = replace(rules, probe="count" if rules.probe != "count" else "again")
        elif rules.enough is not None and how == 4:
            rules = replace(rules, enough=Compare("v", ">=", 0))
        self.world.declared = tuple(replace(s, rules=rules) if s is step else s for s in steps)

    def build(self, *args: object, **options: object) -> Told:
        """A build, after which the laws of every build are checked."""
        world = self.world
        world.disk.recover()
        outputs, traces, damaged = world.outputs(), world.traces.clone(), bool(world.store.damaged)
        before = Before(world)
        told = world.build(*args, **options)  # type: ignore[arg-type]
        self._count(told, outputs)
        if told.over is not None and not world.movers:
            check_kept(world, told)
            if not damaged and told.over.signal is None:
                self.counted.update(check_rules(world, told, before, **options))
            if not damaged:
                check_failed(world, told, outputs, traces)
        check_once(world, told)
        check_summary(world, told)
        return told

    def _count(self, told: Told, before: dict[str, str]) -> None:
        world = self.world
        actions = world.graph().actions
        now = world.outputs()
        for name in told.ran:
            paths = [output.path for output in actions[name].outputs]
            if paths and outputs_at(before, paths) == outputs_at(now, paths) and told.over is not None:
                behind = [n for n, a in actions.items() if name in a.upstream and n in told.with_(Outcome.SKIPPED)]
                self.counted["cutoff"] += bool(behind)
        self.counted["restore"] += len(told.restored)
        self.counted["failure"] += len(told.with_(Outcome.FAILED))


class Before:
    """What a build finds."""

    def __init__(self, world: World) -> None:
        self.now, self.graph = world.clock.wall, world.graph()
        self.traces, self.files, self.objects = world.traces.clone(), dict(world.disk.files), set(world.store.objects)


def check_rules(world: World, told: Told, before: Before, **options: object) -> list[str]:
    """Every decision is the rulebook's: verb, reasons, and which result stands. Gives the codes that came about."""
    forced = options.get("forced", ())
    assert isinstance(forced, tuple)
    met = []
    for name, ended in told.ended.items():
        action = before.graph.actions.get(name)
        if action is None or action.is_phony or action.is_group or not action.outputs or is_dynamic(world, name):
            continue
        if ended.outcome in (Outcome.BLOCKED, Outcome.CANCELLED, Outcome.DISTURBED):
            continue
        try:
            case = case_of(world, name, before, forced=name in forced, exact=bool(options.get("exact")),
                           restore=bool(options.get("restore", True)))  # fmt: skip
            ruling = rule(case)
        except Unsure:
            continue
        codes = frozenset(code for code, _ in told.reasons(name))
        codes = frozenset({"recipe"}) if codes & {"never-built", "param-changed", "recipe-changed"} else codes
        if ended.outcome is Outcome.STALE:
            assert ruling.covered or "stale-if-error" in ruling.codes, (name, ruling.verb, ruling.codes)
            assert codes == ({"stale-if-error"} if ruling.covered else ruling.codes), (name, codes)
            met.append("stale-if-error")
            continue
        if ended.outcome is Outcome.FAILED:
            assert ruling.verb in ("run", TROUBLE), (name, ended.detail, ended.reasons, ruling.verb, ruling.codes)
            mended = ruling.covered and all(stored for _, stored in case.spoiled(ruling.result))  # type: ignore[arg-type]
            assert not mended or name not in told.executed, f"{name} failed though its last result may go on"
            met.append(ruling.verb)
            continue
        verb = {Outcome.RAN: "run", Outcome.RESTORED: "restore", Outcome.SKIPPED: "skip"}[ended.outcome]
        assert (verb, codes) == (ruling.verb, ruling.codes), (name, verb, codes, ruling.verb, ruling.codes)
        if verb != "run":
            stands, ruled = world.traces.last(action.recipe), ruling.result
            assert stands is not None and ruled is not None and stands.order == ruled.order, (name, stands, ruled)
        met += [verb, *codes]
    return met


def is_dynamic(world: World, name: str) -> bool:
    """Whether it is an instance of a list, or may be judged several times: what it was judged by is gone by the end."""
    step, _ = step_of(world.declared, name)
    return bool(step.over) or step.wait != "all"


def case_of(world: World, name: str, before: Before, *, forced: bool, exact: bool, restore: bool) -> Case:
    """What a target was judged by: all it needs as it came out, its own outputs as they lay there."""
    step, key = step_of(world.design, name)
    action, graph, files = before.graph.actions[name], before.graph, world.disk.files
    owners = {path: maker for path, maker in graph.owners.items() if maker != name}
    first = upstream_of(before, name)

    def maker_of(path: str) -> str | None:
        return next((m for o, m in owners.items() if path == o or (o.endswith("/") and path.startswith(o))), None)

    def seen(path: str) -> str | None:
        maker = maker_of(path)
        if maker is not None and maker not in first:
            return "nobody's"
        version = version_of(files, path)
        return version if isinstance(version, str) else None

    def spoiled(trace: Trace) -> list[tuple[str, bool]]:
        found = []
        for product in trace.outputs:
            version = version_of(before.files, product.path)
            if version == product.digest:
                continue
            was, is_ = product.object in before.objects, product.object in world.store.objects
            if restore and was != is_:
                raise Unsure("the object came or went while the build ran")
            code = "output-altered" if isinstance(version, str) else "output-missing"
            found.append((code, restore and was))
        return found

    declared = tuple(
        (path, version if isinstance(version := version_of(files, path), str) else None)
        for path in inputs_of(world.design, step, key, files)
    )
    return Case(
        rules=step.rules,
        inputs=declared,
        seen=seen,
        spoiled=spoiled,
        made=lambda path: maker_of(path) is not None,
        last=before.traces.last(action.recipe),
        results=tuple(before.traces.results(action.recipe)),
        checked=before.traces.checked,
        say=lambda content: world.say(name, content),
        now=before.now,
        forced=forced,
        exact=exact,
    )


def upstream_of(before: Before, name: str) -> set[str]:
    """All that comes before an instance."""
    found: set[str] = set()
    stack = [name]
    while stack:
        action = before.graph.actions[stack.pop()]
        for need in (*action.upstream, *action.after):
            if need not in found:
                found.add(need)
                stack.append(need)
    return found


def check_kept(world: World, told: Told) -> None:
    """Laws 14 and 15: what was kept or restored has the present recipe and the present contents of its inputs."""
    files, graph = world.disk.files, world.graph()
    for name in told.with_(*GOOD):
        action = graph.actions[name]
        if action.is_phony:
            continue
        trace = world.traces.last(action.recipe)
        assert trace is not None, f"{name} is good and has no result of its recipe"
        assert trace == world.traces.latest(name), f"the latest of {name} is not its last"
        assert trace.recipe == action.recipe
        step, key = step_of(world.design, name)
        for product in trace.outputs:
            assert version_of(files, product.path) == product.digest, f"{name}: {product.path} is not its result's"
        assert [p.path for p in trace.outputs] == [o.path for o in action.outputs]
        if ("enough", "enough") in told.reasons(name):
            continue
        for path, digest in (*trace.inputs, *trace.discovered):
            assert version_of(files, path) == digest, (
                f"{name} {told.outcomes()[name]}: {path} is not what it was made from"
            )
        if not step.noisy:
            wanted = reads(world.design, step.name, key, files, world.params)
            assert dict((*trace.inputs, *trace.discovered)) == wanted, f"{name} {ended_as(told, name)}"
            assert [path for path, _ in trace.inputs] == [p for p in wanted if p in dict(trace.inputs)], "in order"


def check_clean(world: World, told: Told, names: set[str] | None = None) -> None:
    """Law 1 by steps: each good target's outputs are what its step makes of what is on disk."""
    files = world.disk.files
    for name in told.good if names is None else names:
        step, key = step_of(world.design, name)
        if step.noisy:
            continue
        wanted = leaves(world.design, step.name, key, files, world.params)
        assert wanted is not None
        assert outputs_at(files, [path for _, path in step.paths(key)]) == wanted, name


def check_failed(world: World, told: Told, outputs: dict[str, str], traces: object) -> None:
    """Law 9, the end: what failed left no output, and its last result and times are what they were."""
    for name in told.with_(Outcome.FAILED, Outcome.CANCELLED, Outcome.BLOCKED):
        action = world.graph().actions.get(name)
        if action is None:
            continue  # its list is another by now
        assert world.traces.latest(name) == traces.latest(name), name  # type: ignore[attr-defined]
        paths = [output.path for output in action.outputs]
        if name in told.with_(Outcome.FAILED):
            assert outputs_at(world.disk.files, paths) == outputs_at(outputs, paths), f"{name} left its half outputs"
        assert world.traces.failure(name) is not None or name not in told.with_(Outcome.FAILED)


def check_once(world: World, told: Told) -> None:
    """Law 8: in a build no action runs twice."""
    assert len(told.executed) == len(set(told.executed)), told.executed
    for name in told.ran:
        assert name in told.executed or step_of(world.design, name)[0].shape == "select", name
        assert name in told.started


def check_summary(world: World, told: Told) -> None:
    """Every action that was called for has exactly one outcome, and the counts are of these."""
    over = told.over
    if over is None:
        return
    outcomes = list(told.outcomes().values())
    assert over.ran == outcomes.count(Outcome.RAN)
    assert over.restored == outcomes.count(Outcome.RESTORED)
    assert over.skipped == outcomes.count(Outcome.SKIPPED)
    assert over.blocked == outcomes.count(Outcome.BLOCKED)
    assert (over.outcome == "ok") == (set(outcomes) <= GOOD and over.signal is None), over


def ended_as(told: Told, name: str) -> str:
    """How an instance ended and why."""
    return f"{told.outcomes()[name]}: {told.ended[name].reasons}"
