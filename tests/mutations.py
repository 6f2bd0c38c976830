"""Faults planted one by one into the core, each with the law that finds it; `python -m tests.mutations` plants them."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Mutation:
    """In `path` (inside the package) `old`, which is there once, becomes `new`; `law` is what finds it."""

    what: str
    path: str
    old: str
    new: str
    law: str


CLEAN = "test_clean.py::test_law_1_clean"
IDEMPOTENT = "test_clean.py::test_law_2_idempotent"
FIXPOINT = "test_clean.py::test_law_3_fixpoint"
BRACKET = "test_clean.py::test_law_4_bracket"
ORDER = "test_order.py::test_law_5_order"
ONCE = "test_order.py::test_law_8_once"
FAILURE = "test_failure.py::test_law_9_failure"
INPUTS = "test_memory.py::test_laws_14_and_15_recipe_and_inputs"
RESTORE = "test_memory.py::test_law_16_restore"
BACK = "test_memory.py::test_law_17_there_and_back"
CUTOFF = "test_memory.py::test_law_18_cutoff"
CUES = "test_cues.py::test_law_19_content_cues"
PACKAGE_CUES = "test_cues.py::test_law_19_package_cues"
OUTPUTS = "test_cues.py::test_law_19_output_cues"
CUT = "test_order.py::test_law_20_interruption"
EXACT_KEY = "test_memory.py::test_law_22_exact_key"
ACCEPTED = "test_accept.py::test_what_is_accepted_is_the_result_of_the_present_recipe"
UPSTREAM = "test_accept.py::test_nothing_is_accepted_upon_what_is_not_up_to_date"
NEW_ITEMS = "test_laws_of_lists.py::test_new_and_changed_items_alone_run_and_what_vanished_goes"
LIST_CHANGES = "test_laws_of_lists.py::test_a_plan_promises_nothing_of_a_set_that_may_change"
LIST_BRACKET = "test_laws_of_lists.py::test_law_4_bracket_with_lists"
SYNCHRONY = "test_async.py::test_law_6_synchrony"
GROWTH = "test_async.py::test_laws_7_and_8_growth"
CARRIED = "test_async.py::test_law_7_carry"
CASE = "test_scripted_cases.py::test_"
RULES = "test_rules.py::test_every_decision_is_the_rulebooks"
SITUATION = "test_memo_cues.py::test_a_situation"
COVERED = "test_memo_cues.py::test_stale_if_error"
MEMO_CASE = "test_memo_cues.py::test_"
MEMO = "test_memo.py::test_law_"

JUDGE, CONTENT = "planning/judge.py", "planning/rebuild/content.py"
STRUCTURE, EVIDENCE = "planning/rebuild/structure.py", "planning/evidence.py"
LISTS = "planning/lists.py"
BRANCHES = "planning/branches.py"
PLAN, SCHEDULE, SELECTION = "planning/plan.py", "planning/schedule.py", "planning/selection.py"
BOARD, BUILD, LEDGER, ATTEMPT = "running/board.py", "running/build.py", "running/ledger.py", "running/attempt.py"
AGE, SOURCE, SIGNIFICANT = (f"planning/rebuild/{cue}.py" for cue in ("age", "source", "significance"))
ENOUGH, FAILING = "planning/rebuild/enough.py", "running/failing.py"
FACT, MEMORY, ACCEPT = "model/fact.py", "stores/memory.py", "running/accept.py"

MUTATIONS: Sequence[Mutation] = (
    Mutation("unknown inputs count as equal", JUDGE, "    if changes.equal:", "    if not changes.reasons:", BRACKET),
    Mutation(
        "an older result is taken whatever it loaded",
        JUDGE,
        "if older.order == last.order or not compare(evidence, older).equal or not _rec",
        "if older.order == last.order or not _rec",
        INPUTS,
    ),
    Mutation(
        "what the store has not got is to be restored",
        JUDGE,
        "    if all(evidence.stored(product) for _, product in found):",
        "    if found:",
        OUTPUTS,
    ),
    Mutation(
        "a plan forgets older results",
        JUDGE,
        "for result in (last, *evidence.results(None)):",
        "for result in (last,):",
        BRACKET,
    ),
    Mutation(
        "a plan doubts what can only run",
        JUDGE,
        "if compare(evidence, result).reasons or not _recoverable(evidence, result):",
        "if compare(evidence, result).reasons:",
        CASE + "a_plan_doubts_an_altered_output_behind_a_run",
    ),
    Mutation(
        "a plan promises too much",
        JUDGE,
        "return _decision(evidence, Verb.MAYBE, (*may, *reasons), last)",
        "return _decision(evidence, Verb.RUN, (*may, *reasons), last)",
        CASE + "a_plan_promises_no_more_than_it_knows",
    ),
    Mutation(
        "no earlier result comes back",
        JUDGE,
        "for older in evidence.results(_present_key(evidence)):",
        "for older in evidence.results(_present_key(evidence))[:0]:",
        BACK,
    ),
    Mutation("a changed input is none", CONTENT, "elif version != before[path]:", "elif False:", CUES),
    Mutation(
        "a vanished input is none",
        CONTENT,
        "if path not in now and not evidence.lists and not any(",
        "if path in now and not evidence.lists and not any(",
        CUES,
    ),
    Mutation("changed code is none", CONTENT, "elif version != digest:", "elif version is MISSING:", CLEAN),
    Mutation(
        "changed packages are none",
        CONTENT,
        'if "packages" in evidence.action.policy.track:',
        'if "packages" not in evidence.action.policy.track:',
        PACKAGE_CUES,
    ),
    Mutation(
        "a package that is gone is as before",
        "planning/rebuild/packages.py",
        "if now.get(name) != version:",
        "if now.get(name, version) != version:",
        CASE + "elsewhere_a_changed_package_is_warned_of_once",
    ),
    Mutation(
        "changed packages are warned of each time",
        "running/outdated.py",
        "if self._ledger.traces.warned(name) != text:",
        "if text:",
        CASE + "elsewhere_a_changed_package_is_warned_of_once",
    ),
    Mutation(
        "data that is read counts as code",
        CONTENT,
        "if path in trace.read else",
        "if path not in trace.read else",
        CASE + "an_undeclared_read_of_data_is_an_input_from_then_on",
    ),
    Mutation(
        "reading what others make is allowed",
        ATTEMPT,
        "if not ended.succeeded or strange:",
        "if not ended.succeeded:",
        CASE + "an_undeclared_read_of_another_target_fails_and_is_not_tried_again",
    ),
    Mutation(
        "what is read under a source is discovered",
        ATTEMPT,
        "if (source := action.policy.validity.source) is not None:",
        "if (source := action.policy.validity.source) is None:",
        CASE + "what_a_step_reads_under_its_source_is_never_discovered",
    ),
    Mutation("an altered output is none", CONTENT, "elif version != product.digest:", "elif False:", OUTPUTS),
    Mutation("a missing output is altered", CONTENT, "if version is MISSING:", "if False:", OUTPUTS),
    Mutation("force does nothing", STRUCTURE, "elif evidence.forced:", "elif False:", CUTOFF),
    Mutation(
        "a phony runs once",
        STRUCTURE,
        "if evidence.action.is_phony:",
        "if evidence.action.is_phony and evidence.last is None:",
        CASE + "a_phony_runs_whenever_it_is_named",
    ),
    Mutation(
        "a result of another recipe is kept",
        EVIDENCE,
        "last=memory.last(action.recipe)",
        "last=memory.latest(action.id)",
        INPUTS,
    ),
    Mutation(
        "--no-cache restores",
        EVIDENCE,
        "stored=snapshot.stored if request.restore else lambda product: False",
        "stored=snapshot.stored",
        CASE + "no_cache_restores_nothing",
    ),
    Mutation(
        "discovered files of others are looked at too early",
        EVIDENCE,
        "        if path in graph.owners:\n            return settled[maker].outputs.get(path, UNKNOWN)",
        "        if path in graph.owners:\n            return snapshot.version(path)",
        CASE + "a_discovered_file_of_another_target_is_an_edge_from_then_on",
    ),
    Mutation(
        "discovered files in folders have no maker",
        EVIDENCE,
        "maker = owner_of(graph, path)",
        "maker = graph.owners.get(path)",
        CASE + "a_discovered_part_of_a_folder_output_is_an_edge_too",
    ),
    Mutation(
        "an older result is put back beside what it loaded",
        EVIDENCE,
        "if maker not in settled or not needs(action.id, maker, graph):",
        "if needs(action.id, maker, graph) and maker not in settled:",
        CASE + "an_older_result_is_not_put_back_beside_what_it_loaded",
    ),
    Mutation(
        "discovered edges are forgotten",
        "planning/discovered.py",
        "if last is None or not last.discovered:",
        "if last is None or last.discovered:",
        CASE + "a_discovered_file_of_another_target_is_an_edge_from_then_on",
    ),
    Mutation(
        "a plan looks into folders to be restored",
        PLAN,
        "in_place=decision.verb is Verb.SKIP",
        "in_place=True",
        CASE + "a_plan_does_not_look_into_a_folder_that_is_yet_to_be_restored",
    ),
    Mutation(
        "a plan takes maybe for kept",
        PLAN,
        "if decision.verb in (Verb.SKIP, Verb.RESTORE) and",
        "if decision.verb is not Verb.RUN and",
        BRACKET,
    ),
    Mutation(
        "a plan forgets phonies that may be called",
        PLAN,
        "return Verb.MAYBE if Verb.MAYBE in verbs else None",
        "return None",
        CASE + "a_plan_says_that_a_phony_may_run",
    ),
    Mutation(
        "the longest path does not count",
        SCHEDULE,
        "max(longest[need], longest[name])",
        "longest[need]",
        CASE + "the_longest_path_goes_first",
    ),
    Mutation(
        "places are not counted",
        SCHEDULE,
        "self.places += sign",
        "self.places += 0",
        CASE + "no_more_run_at_once_than_asked",
    ),
    Mutation(
        "resources are given twice",
        SCHEDULE,
        "if room.fits(claimed):",
        "if room.places:",
        CASE + "resources_are_never_given_twice",
    ),
    Mutation("the worst is selected", SELECTION, 'select.order == "max")', 'select.order != "max")', CLEAN),
    Mutation(
        "failure lets go on",
        BOARD,
        "if outcome not in GOOD or name not in standing.unmet:",
        "if name not in standing.unmet:",
        FAILURE,
    ),
    Mutation(
        "order-only needs are not waited for",
        BOARD,
        "if self.graph.actions[need].is_phony and need in action.after:",
        "if need in action.after:",
        FAILURE,
    ),
    Mutation(
        "a phony that has failed holds for ever",
        BOARD,
        "if other.state is State.DONE or (",
        "if (",
        CASE + "a_named_phony_that_failed_before_blocks_a_consumer_found_stale_later",
    ),
    Mutation(
        "phonies nobody calls are blocked",
        BOARD,
        "standing.state not in (State.DONE, State.DORMANT)",
        "standing.state is not State.DONE",
        "test_scripted_cases.py::test_a_phony_nobody_calls_is_not_told_though_its_input_failed",
    ),
    Mutation("a result that is put back is not chosen", BUILD, "        self.ledger.choose(result)\n", "", RESTORE),
    Mutation("one retry less", BUILD, "attempts <= times", "attempts < times", ONCE),
    Mutation(
        "a failure stops nothing",
        BUILD,
        'elif action.policy.on_error == "stop" and',
        'elif action.policy.on_error == "halt" and',
        CASE + "on_error_stop_starts_nothing_more",
    ),
    Mutation("room is never given back", BUILD, "        self.room.give(standing.claimed)\n", "", IDEMPOTENT),
    Mutation("records before bytes", LEDGER, "if self._unsettled:", "if False:", CUT),
    Mutation("said before it is durable", LEDGER, "        self.traces.commit()\n", "", CUT),
    Mutation("what was moved aside stays there", LEDGER, "self.workspace.settle(job)", "job.strip()", CLEAN),
    Mutation(
        "a failed step leaves half its outputs",
        ATTEMPT,
        "    elif not attempted.succeeded:\n        workspace.put_back(job)",
        "    elif not attempted.succeeded:\n        workspace.settle(job)",
        FAILURE,
    ),
    Mutation(
        "moved inputs are not seen",
        ATTEMPT,
        "if late := (*_moved(inputs, workspace), *late):",
        "if late := (*late,):",
        CASE + "a_moved_source_disturbs_and_nothing_is_remembered",
    ),
    Mutation("a file from the future disturbs", ATTEMPT, "seen < touched <= now", "seen < touched", FIXPOINT),
    Mutation(
        "a checkpoint is taken away",
        ATTEMPT,
        "workspace.clear(job, outputs, action.policy.keep)",
        "workspace.clear(job, outputs, keep)",
        CASE + "what_is_kept_stays_for_the_next_attempt_of_the_same",
    ),
    Mutation("values are no part of a recipe", FACT, "f.digest.encode()", 'b""', CLEAN),
    Mutation(
        "changed values are not explained",
        FACT,
        "if was is None or was.digest != f.digest:",
        "if was is None:",
        CUES,
    ),
    Mutation(
        "what is accepted is taken for the last recipe's",
        ACCEPT,
        "        recipe=action.recipe,",
        "        recipe=before.recipe if before else action.recipe,",
        ACCEPTED,
    ),
    Mutation(
        "what is accepted is not kept in the store",
        ACCEPT,
        "store if action.policy.cache and not trouble else None",
        "None",
        ACCEPTED,
    ),
    Mutation(
        "something is accepted upon what is stale",
        ACCEPT,
        "stale.setdefault(action.target, []).append(decision)",
        "stale.get(action.target, []).append(decision)",
        UPSTREAM,
    ),
    Mutation(
        "nothing is accepted upon what is up to date",
        ACCEPT,
        "if decision.verb not in (Verb.SKIP, Verb.MAYBE):",
        "if decision.verb is not Verb.MAYBE:",
        UPSTREAM,
    ),
    Mutation(
        "what is accepted loads nothing",
        ACCEPT,
        "        if isinstance(version, str):\n            found",
        "        if not isinstance(version, str):\n            found",
        ACCEPTED,
    ),
    Mutation("choosing does nothing", MEMORY, "if trace in self._results.get(trace.recipe, ()):", "if False:", RESTORE),
    Mutation(
        "the oldest result comes first",
        MEMORY,
        "newest_first = reversed(self._results.get(recipe, ()))",
        "newest_first = self._results.get(recipe, ())",
        EXACT_KEY,
    ),
    Mutation(
        "expired a moment early",
        AGE,
        "(age := evidence.now - trace.ended) <= limit",
        "(age := evidence.now - trace.ended) < limit",
        SITUATION,
    ),
    Mutation(
        "what comes from the future is young",
        AGE,
        "not 0 <= (age := evidence.now - trace.ended) <= limit",
        "not (age := evidence.now - trace.ended) <= limit",
        SITUATION,
    ),
    Mutation(
        "the window is open at its end",
        AGE,
        "    if 0 <= age < window:\n        yield Reason(Code.FRESH",
        "    if 0 <= age <= window:\n        yield Reason(Code.FRESH",
        SITUATION,
    ),
    Mutation(
        "the window is open before it begins",
        AGE,
        "    if 0 <= age < window:\n        yield Reason(Code.FRESH",
        "    if age < window:\n        yield Reason(Code.FRESH",
        SITUATION,
    ),
    Mutation(
        "a clock that went back is not stale", AGE, "    if not 0 <= age < window:", "    if age >= window:", SITUATION
    ),
    Mutation(
        "a window counts from the run alone",
        AGE,
        "return trace.ended if checked is None else checked",
        "return trace.ended",
        MEMO_CASE + "a_window_counts_from_its_revalidation",
    ),
    Mutation(
        "exactly judged a window holds",
        AGE,
        "if window is None or evidence.exact:",
        "if window is None:",
        MEMO + "1_exact_is_clean",
    ),
    Mutation(
        "exactly judged a clock speaks for it",
        AGE,
        "validity.fresh_for is not None or validity.max_age is not None or validity.probe is not None",
        "validity.probe is not None",
        MEMO_CASE + "exactly_judged_a_clock_or_a_probe_of_nothing_runs",
    ),
    Mutation(
        "exactly judged a probe stands for the content",
        SOURCE,
        "validity.probe is None or (evidence.exact and validity.source is not None)",
        "validity.probe is None",
        MEMO + "1_exact_is_clean",
    ),
    Mutation(
        "exactly judged a move is forgotten",
        SOURCE,
        "if exact and baseline.moved:",
        "if exact and False:",
        MEMO + "21_exactly_judged_what_moved_does_not_stand",
    ),
    Mutation(
        "another probe has the same baseline",
        SOURCE,
        "baseline.measures is None or baseline.probe != probe.identity",
        "baseline.measures is None",
        "test_memo.py::test_a_policy_takes_effect_at_once_and_runs_nothing_by_itself",
    ),
    Mutation(
        "a probe that fails finds nothing changed",
        SOURCE,
        "return Verdict(Word.FAILED, error=observation.error)",
        "return Verdict(Word.EQUAL, error=observation.error)",
        COVERED,
    ),
    Mutation(
        "reaching the tolerance is no change",
        SIGNIFICANT,
        "abs(new - old) >= abs(old) * tolerance.size",
        "abs(new - old) > abs(old) * tolerance.size",
        SITUATION,
    ),
    Mutation(
        "a change from zero is none",
        SIGNIFICANT,
        "    if old == 0:\n        return True",
        "    if old == 0:\n        return False",
        RULES,
    ),
    Mutation(
        "a sign does not matter",
        SIGNIFICANT,
        "if new == 0 or (old < 0) != (new < 0):",
        "if new == 0:",
        MEMO_CASE + "a_sign_counts_under_a_factor",
    ),
    Mutation(
        "NaN is never what it was",
        SIGNIFICANT,
        "return old == new or (math.isnan(old) and math.isnan(new))",
        "return old == new",
        MEMO_CASE + "not_a_number_is_what_it_was",
    ),
    Mutation(
        "enough holds for an incomplete set",
        ENOUGH,
        " or not trace.complete or ",
        " or ",
        MEMO_CASE + "enough_of_an_incomplete_set_is_none",
    ),
    Mutation("enough holds exactly", ENOUGH, "condition is None or evidence.exact or", "condition is None or", RULES),
    Mutation(
        "enough excuses files of the project",
        ENOUGH,
        "return evidence.made(reason.subject)",
        "return True",
        MEMO_CASE + "enough",
    ),
    Mutation(
        "a tolerance picks an older result",
        JUDGE,
        "return word is Word.EQUAL and not",
        "return word in (Word.EQUAL, Word.SMALL) and not",
        MEMO_CASE + "a_tolerance_never_picks_an_older_result",
    ),
    Mutation(
        "an equal measure proves an equal source",
        JUDGE,
        "if source_moved and evidence.validity.probe is not None and not evidence.exact:",
        "if False:",
        MEMO_CASE + "a_tolerance_never_picks_an_older_result",
    ),
    Mutation(
        "what moved is put back for an equal source",
        JUDGE,
        "and not (older.baseline is not None and older.baseline.moved)",
        "",
        MEMO + "21_what_moved_is_not_restored_for_an_equal_source",
    ),
    Mutation(
        "an older result of any age is put back",
        JUDGE,
        "    if any(expired(evidence, older)) or any(untimed(evidence, older)):",
        "    if any(untimed(evidence, older)):",
        MEMO_CASE + "an_older_result_too_old_is_not_put_back",
    ),
    Mutation(
        "an older result is put back by its window though the source moved",
        JUDGE,
        "if not source_moved and not evidence.lifted and any(fresh(evidence, older)):",
        "if not evidence.lifted and any(fresh(evidence, older)):",
        MEMO_CASE + "no_window_puts_back_an_older_result_once_the_source_is_known_to_have_moved",
    ),
    Mutation(
        "nothing expires",
        JUDGE,
        "    for cue in (expired, untimed):\n",
        "    for cue in (untimed,):\n",
        "test_memo.py::test_laws_11_and_12_age_and_window",
    ),
    Mutation("an older result covers for a failure", JUDGE, "or not 0 <= age < limit:", "or not 0 <= age:", COVERED),
    Mutation(
        "an exact failure is covered",
        JUDGE,
        "if limit is None or evidence.exact or evidence.forced or",
        "if limit is None or evidence.forced or",
        COVERED,
    ),
    Mutation(
        "changed inputs are covered",
        JUDGE,
        "if not compare(evidence, last).equal or not _recoverable(evidence, last):",
        "if not _recoverable(evidence, last):",
        MEMO_CASE + "stale_if_error_does_not_excuse_inputs_that_enough_does",
    ),
    Mutation(
        "what cannot be put back covers",
        JUDGE,
        "if not compare(evidence, last).equal or not _recoverable(evidence, last):",
        "if not compare(evidence, last).equal:",
        MEMO_CASE + "what_cannot_be_put_back_does_not_cover",
    ),
    Mutation(
        "a revalidation is not remembered",
        BUILD,
        "            self.ledger.revalidate(result, at=self.snapshot.now)",
        "            pass",
        MEMO_CASE + "a_window_counts_from_its_revalidation",
    ),
    Mutation(
        "a restore moves a time",
        BUILD,
        "        self.ledger.choose(result)\n",
        "        self.ledger.choose(result)\n        self.ledger.revalidate(result, at=self.snapshot.now)\n",
        MEMO + "16_a_restore_would_be_kept",
    ),
    Mutation(
        "the same moment is remembered again",
        LEDGER,
        "if (trace.ended if checked is None else checked) != at:",
        "if True:",
        MEMO + "2_idempotent_with_rules",
    ),
    Mutation(
        "the baseline is what the source was afterwards",
        ATTEMPT,
        "return Baseline(before.content, before.measures,",
        "return Baseline(after.content, after.measures,",
        MEMO + "21_a_moving_source",
    ),
    Mutation(
        "a move is not noticed",
        ATTEMPT,
        "moved = before.content != after.content or",
        "moved = False and before.content != after.content or",
        MEMO + "21_what_moved_is_not_restored_for_an_equal_source",
    ),
    Mutation(
        "a list is never made anew",
        BUILD,
        "        if doubts(action, self.graph, self.board.settled):",
        "        if not doubts(action, self.graph, self.board.settled):",
        NEW_ITEMS,
    ),
    Mutation(
        "a list of other content is the same list",
        LISTS,
        "if maker not in settled or settled[maker].outputs.get(path) != digest:",
        "if maker not in settled:",
        NEW_ITEMS,
    ),
    Mutation(
        "a list is read once and for all",
        "running/lists.py",
        "self._told.pop(target, {}), self._known",
        "self._told.get(target, {}), self._known",
        NEW_ITEMS,
    ),
    Mutation(
        "an instance that may vanish is promised",
        PLAN,
        "            decision = _perhaps(decision, decisions[listing])\n",
        "            pass\n",
        LIST_BRACKET,
    ),
    Mutation(
        "inputs of a list that may change are gone for certain",
        CONTENT,
        "if path not in now and not evidence.lists and not any(",
        "if path not in now and not any(",
        LIST_CHANGES,
    ),
    Mutation(
        "a consumer does not wait for instances that came",
        BOARD,
        "            if standing.state in (State.WAITING, State.DORMANT, State.READY):",
        "            if not standing.unmet and standing.state in (State.WAITING, State.DORMANT, State.READY):",
        NEW_ITEMS,
    ),
    Mutation(
        "a fan-in takes a set with nothing new in it",
        BRANCHES,
        "    return any((path, version) not in before for path, version in evidence.inputs if path in own)",
        "    return True",
        GROWTH,
    ),
    Mutation("one branch is enough for any count", BRANCHES, "        return wait\n", "        return 1\n", SYNCHRONY),
    Mutation(
        "a fan-in forgets who is left out",
        BRANCHES,
        "    inputs = tuple(_without(declared, left_out) if declared.many else declared for declared in action.inputs)",
        "    inputs = action.inputs",
        SYNCHRONY,
    ),
    Mutation(
        "a result of some branches passes for one of all",
        BUILD,
        "        whole = not part and len(evidence.action.branches) == len(action.branches)",
        "        whole = True",
        SYNCHRONY,
    ),
    Mutation(
        "what turns out to be made from all is not noted",
        BUILD,
        "        if decision.result is None or len(evidence.action.branches) < len(action.branches):",
        "        if True:",
        SYNCHRONY,
    ),
    Mutation(
        "a failed branch stops the others",
        BUILD,
        "        return bool(behind) and all(",
        "        return not behind and all(",
        SYNCHRONY,
    ),
    Mutation(
        "the first set is the last",
        BUILD,
        "        if part:\n            self.board.end_part(name, Outcome.RAN)",
        "        if part:\n            self._settle(name, Outcome.RAN, _settled(trace))",
        SYNCHRONY,
    ),
    Mutation(
        "earlier results count for nothing",
        BUILD,
        "            if standing.rounds or action.policy.carry:",
        "            if standing.rounds:",
        CARRIED,
    ),
)


def occurrences(mutation: Mutation, root: Path = ROOT) -> int:
    """How often the text that a mutation changes is in its file; right is once."""
    return (root / "mlmake" / mutation.path).read_text().count(mutation.old)


def plant(mutation: Mutation, folder: Path) -> int:
    """Run a mutation's law in a copy of the project that has the fault; gives the exit code of pytest."""
    place = folder / f"m{MUTATIONS.index(mutation)}"
    for part in ("mlmake", "tests"):
        shutil.copytree(ROOT / part, place / part, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
    shutil.copy(ROOT / "pyproject.toml", place)
    path = place / "mlmake" / mutation.path
    path.write_text(path.read_text().replace(mutation.old, mutation.new))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile", "kill"]
    done = subprocess.run(
        [*command, f"tests/laws/{mutation.law}"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
    )
    shutil.rmtree(place)
    return done.returncode


def judge(mutation: Mutation, folder: Path) -> str:
    """Plant one: "killed", "survived" or what is wrong with it."""
    if (found := occurrences(mutation)) != 1:
        return f"its text is there {found} times"
    code = plant(mutation, folder)
    return {0: "survived", 1: "killed"}.get(code, f"pytest ended with {code}")


def main() -> int:
    """Plant all whose description, file or law has the given word; print a table; 1 if any is not killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("word", nargs="?", default="", help="only mutations with this in their text")
    word = parser.parse_args().word
    chosen = [m for m in MUTATIONS if word in m.what or word in m.path or word in m.law]
    killed = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        for mutation, verdict in zip(chosen, pool.map(lambda m: judge(m, Path(folder)), chosen), strict=True):
            killed += verdict == "killed"
            print(f"{verdict:<10} {mutation.path:<32} {mutation.what:<52} {mutation.law}", flush=True)
    print(f"{killed} of {len(chosen)} killed")
    return 0 if killed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
