"""What the cache's life costs: a simulated site, a burst, and judging beside a million remembered results.

    python benchmarks/cache_life.py days --days 60          1,000 workflows a day of 100 memoized steps
    python benchmarks/cache_life.py burst --entries 100000  recorded, looked up, collected
    python benchmarks/cache_life.py judging --entries 1000000

Everything goes through what a build uses: `Ledger` records and notes hits, `LmdbState` remembers and is looked up in,
`FolderStore` keeps plain records and objects, `Collector` collects. Each result names an object of its own; of one in
`--objects` the bytes are really kept, the others' are only counted (600,000 flushed files would measure the disk). The
clock is simulated, the time measured is not.

The site: each look-up asks for a key made in the last 7 days with the chance `--reuse` (0.9), else for a new one, which
is recorded. An independent model holds for each key when it was last of use, as two dictionaries; after each day what
the state remembers must equal what the model says, key by key.
"""

import argparse
import json
import os
import random
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

from mlmake.model.digest import ObjectName, digest_of
from mlmake.model.fact import fact
from mlmake.model.reason import Code, Reason
from mlmake.model.trace import Product, Trace
from mlmake.planning.retention import Policy
from mlmake.running.ledger import Ledger
from mlmake.stores.collecting import Collector
from mlmake.stores.content import FolderStore
from mlmake.stores.opening import open_state
from mlmake.stores.rows import Known, lru_key, short
from mlmake.stores.sharing import Sharers

DAY = 86_400
START = 1_700_000_000 // DAY * DAY
STEPS = 100
SECONDS_UNUSED = 14 * DAY


class Clock:
    def __init__(self):
        self.time = float(START)

    def now(self):
        return self.time

    def monotonic(self):
        return self.time


class NoWorkspace:
    def settle(self, job):
        pass


class Watch:
    """Wall and CPU seconds by what they were spent on."""

    def __init__(self):
        self.wall, self.cpu, self.count = defaultdict(float), defaultdict(float), defaultdict(int)

    @contextmanager
    def on(self, what, count=0):
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[what] += time.perf_counter() - wall
        self.cpu[what] += time.process_time() - cpu
        self.count[what] += count


def recipe_of(key):
    return digest_of(f"key {key}")


def action_of(key):
    return f"step-{key % STEPS:03d}"


def result(key, clock, run, kept=None):
    """A result of about the size that a small training has."""
    name = kept.object if kept else ObjectName(f"{digest_of(f'object {key}')}{digest_of(f'more {key}')}")
    return Trace(
        action=action_of(key),
        recipe=recipe_of(key),
        facts=(fact(Code.PARAM_CHANGED, "lr", key * 1e-6),),
        inputs=(("data/train.csv", digest_of(key % 97)),),
        discovered=(("src/train.py", digest_of("code")),),
        outputs=(Product("model", f"models/{key % STEPS}.bin", digest_of(("out", key)), 100, name),),
        started=clock.now() - 1.0,
        ended=clock.now(),
        seconds=1.0,
        run=run,
        reasons=(Reason(Code.PARAM_CHANGED, "lr", 0.1, key * 1e-6),),
        metrics={"accuracy": 0.9},
        origin={"host": "bench", "mlmake": "0", "python": "python3"},
    )


class Site:
    """State, store and ledger in a folder, as a build joins them."""

    def __init__(self, folder, objects):
        self.folder, self.every, self.clock, self.watch = folder, objects, Clock(), Watch()
        self.store = FolderStore(f"{folder}/cache")
        self.state = open_state(f"{folder}/state", parts=self.store.parts)
        self.ledger = Ledger(self.state, self.store, workspace=NoWorkspace(), clock=self.clock)
        self.sharers = Sharers(f"{folder}/cache", owner="", root=folder, state_dir=folder)
        self.known = Known(actions=frozenset(short(action_of(key)) for key in range(STEPS)))

    def workflow(self, keys, run):
        """One build of so many steps; gives the keys that were not remembered."""
        self.state.refresh()
        new = []
        with self.watch.on("look-up", len(keys)):
            self.state.prefetch([recipe_of(key) for key in keys], [action_of(key) for key in keys])
            found = {key: self.state.last(recipe_of(key)) for key in keys}
        hits = [trace for trace in found.values() if trace is not None]
        with self.watch.on("hit", len(hits)):
            for trace in hits:
                self.ledger.choose(trace)
        new = [key for key in dict.fromkeys(keys) if found[key] is None]
        with self.watch.on("keep bytes"):
            kept = {key: self.keep(key) for key in new if self.every and key % self.every == 0}
        with self.watch.on("record", len(new)):
            for key in new:
                self.ledger.record(result(key, self.clock, run, kept.get(key)), job=run)
        with self.watch.on("commit", 1):
            for _ in self.ledger.commit():
                pass
        return new

    def keep(self, key):
        path = f"{self.folder}/output"
        Path(path).write_text(f"model {key}\n")
        return self.store.keep(path)

    def collect(self):
        collector = Collector(
            self.state, self.store, sharers=self.sharers, open_other=lambda sharer: None, now=self.clock.now
        )
        with self.watch.on("collect"):
            report = collector.run(Policy(unused_for=SECONDS_UNUSED), self.known)
        self.watch.count["collect"] += report.results
        self.state.refresh()
        return report

    def remembered(self):
        """The hour of the last hit of every recipe, from the order of last hits itself."""
        found, after = {}, b""
        while batch := self.state.oldest(after=after, most=5_000):
            found.update((entry.trace.recipe, entry.hour) for entry in batch)
            after = lru_key(batch[-1])
        return found

    def rates(self):
        watch, rates = self.watch, {}
        for what, count in watch.count.items():
            rates[what] = {
                "count": count,
                "wall_s": round(watch.wall[what], 2),
                "cpu_s": round(watch.cpu[what], 2),
                "per_s": round(count / watch.wall[what]) if watch.wall[what] else None,
            }
        return rates


class Model:
    """The policy in the shortest words; it shares no line with what it is compared with."""

    def __init__(self):
        self.used, self.standing = {}, {}

    def use(self, key, now):
        before = self.standing.get(key % STEPS)
        if before is not None and before in self.used:
            # It stood in the workspace until now.
            self.used[before] = now // 3600
        self.used[key] = now // 3600
        self.standing[key % STEPS] = key

    def end_of_day(self, now):
        for key, hour in list(self.used.items()):
            if now - (hour + 1) * 3600 >= SECONDS_UNUSED:
                if self.standing.get(key % STEPS) == key:
                    self.used[key] = now // 3600
                else:
                    del self.used[key]


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def disk(folder):
    return sum(os.lstat(p).st_blocks * 512 for p in Path(folder).rglob("*") if p.is_file())


def days(args):
    chance = random.Random(args.seed)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        site, model = Site(folder, args.objects), Model()
        made, number, begun, cpu = defaultdict(list), 0, time.perf_counter(), time.process_time()
        for day in range(args.days):
            recent = [key for before in range(max(0, day - 7), day) for key in made[before]]
            for flow in range(args.workflows):
                site.clock.time = START + day * DAY + flow * DAY / args.workflows + 0.5
                pool = len(recent) + len(made[day])
                keys = []
                for _ in range(STEPS):
                    if pool and chance.random() < args.reuse:
                        place = chance.randrange(pool)
                        keys.append(recent[place] if place < len(recent) else made[day][place - len(recent)])
                    else:
                        keys.append(number)
                        number += 1
                keys = list(dict.fromkeys(keys))
                new = site.workflow(keys, f"{day:03d}-{flow:05d}")
                made[day] += new
                for key in [key for key in keys if key not in set(new)] + new:
                    model.use(key, int(site.clock.time))
            site.clock.time = START + (day + 1) * DAY - 1.0
            reader = (
                subprocess.Popen(
                    [sys.executable, __file__, "reader", "--folder", folder],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
                if day == args.days - 1
                else None
            )
            if reader:
                chosen = [recipe_of(key) for key in chance.sample(recent, min(2000, len(recent)))]
                reader.stdin.write(json.dumps(chosen).encode() + b"\n")
                reader.stdin.flush()
                reader.stdout.readline()
            report = site.collect()
            if reader:
                latency = json.loads(reader.communicate(b"end\n")[0].splitlines()[-1])
            model.end_of_day(int(site.clock.time))
            left = site.remembered()
            wanted = {recipe_of(key): hour for key, hour in model.used.items()}
            assert left == wanted, f"day {day}: {len(left)} remembered, the model says {len(wanted)}"
            objects = sum(1 for key in model.used if args.objects and key % args.objects == 0)
            there = sum(len(os.listdir(f"{folder}/cache/objects/{d}")) for d in os.listdir(f"{folder}/cache/objects"))
            assert there == objects, f"day {day}: {there} objects, the model says {objects}"
            row = {
                "day": day + 1,
                "results": len(left),
                "collected": report.results,
                "state_mb": round(site.state.used_bytes() / 1e6, 1),
                "records_mb": round(disk(f"{folder}/cache/records") / 1e6, 1),
                "objects": there,
                "objects_mb": round(disk(f"{folder}/cache/objects") / 1e6, 2),
                "peak_mb": peak_mb(),
            }
            print(json.dumps(row), flush=True)
        total = {"wall_s": round(time.perf_counter() - begun, 1), "cpu_s": round(time.process_time() - cpu, 1)}
        print(json.dumps({"rates": site.rates(), "while_collecting": latency, "all_with_checks": total}), flush=True)
        site.state.close()


def reader(args):
    """Looks results up all the time, each in a transaction of its own, until it is told to end."""
    recipes = json.loads(sys.stdin.readline())
    state = open_state(f"{args.folder}/state", readonly=True)
    took, number = [], 0
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        state.refresh()
        begun = time.perf_counter()
        state.last(recipes[number % len(recipes)])
        took.append(time.perf_counter() - begun)
        number += 1
    took.sort()
    shares = {f"p{share}_us": round(took[min(len(took) - 1, len(took) * share // 100)] * 1e6) for share in (50, 99)}
    print(json.dumps({"look_ups": len(took), **shares, "max_us": round(took[-1] * 1e6)}), flush=True)


def burst(args):
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        site = Site(folder, args.objects)
        for start in range(0, args.entries, STEPS):
            site.workflow(list(range(start, start + STEPS)), f"run-{start:08d}")
        made = site.state.used_bytes()
        site.watch.count["look-up"], site.watch.wall["look-up"], site.watch.cpu["look-up"] = 0, 0.0, 0.0
        for start in range(0, args.entries, STEPS):
            assert not site.workflow(list(range(start, start + STEPS)), "none")
        site.clock.time += 20 * DAY
        collected = site.collect()
        assert collected.results == args.entries - STEPS, "what stands stays"
        print(json.dumps({"rates": site.rates(), "state_mb": round(made / 1e6, 1), "peak_mb": peak_mb()}, indent=1))
        site.state.close()


def judging(args):
    """A project of 1,000 targets beside so many remembered results, and beside its own only."""
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        text = "".join(f'[target.t{n}]\nrun = ["touch", "out/{n}"]\noutputs = ["out/{n}"]\n' for n in range(1_000))
        Path(folder, "Mlfile").write_text(text)
        mlmake = [sys.executable, "-m", "mlmake", "-q"]
        subprocess.run([*mlmake, "build"], cwd=folder, check=True)

        def plan():
            took = []
            for _ in range(9):
                begun = time.perf_counter()
                subprocess.run([*mlmake, "plan"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
                took.append(time.perf_counter() - begun)
            return round(sorted(took)[4], 4)

        told = {"results": 1_000, "plan_s": plan()}
        state, clock = open_state(f"{folder}/.mlmake/state"), Clock()
        for key in range(args.entries):
            state.record(result(key, clock, f"run-{key // 100}"))
            if key % 5_000 == 4_999:
                state.commit()
                state.refresh()
        state.commit()
        more = {"results": 1_000 + args.entries, "state_mb": round(state.used_bytes() / 1e6)}
        state.close()
        print(json.dumps([told, {**more, "plan_s": plan()}]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["days", "burst", "judging", "reader"])
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--workflows", type=int, default=1_000)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--objects", type=int, default=100, help="of one result in so many the bytes are kept; 0: none")
    parser.add_argument("--reuse", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where the temporary folder is made; it is removed afterwards")
    args = parser.parse_args()
    {"days": days, "burst": burst, "judging": judging, "reader": reader}[args.what](args)


if __name__ == "__main__":
    main()
