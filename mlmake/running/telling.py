"""How a build says that an action, or all of it, has ended; it ends nothing itself."""

from collections.abc import Mapping

from mlmake.model.event import GOOD, Outcome, RunFinished, TargetFinished
from mlmake.model.graph import Action
from mlmake.model.trace import Trace
from mlmake.running.board import Board, Standing


def finished(
    action: Action,
    standing: Standing,
    *,
    time: float,
    seconds: float = 0.0,
    saved: float = 0.0,
    metrics: Mapping[str, float] | None = None,
    code: int | None = None,
    detail: str | None = None,
    result: Trace | None = None,
    outcome: Outcome | None = None,
    complete: bool | None = None,
) -> TargetFinished:
    """An action has its outcome; `result` is what stands if that is a good one, and `complete` as that is.

    `outcome` is given where more may follow; then it is not `complete`.
    """
    outcome = outcome or standing.outcome
    assert outcome is not None, "only what has its outcome is told"
    return TargetFinished(
        time=time,
        target=action.target,
        instance=action.id,
        outcome=outcome,
        reasons=standing.decision.reasons if standing.decision else (),
        seconds=seconds,
        metrics=metrics or {},
        exit_code=code,
        saved=saved,
        detail=detail,
        log=standing.job.log if standing.job else None,
        losers=standing.losers,
        made_in=result.run if result is not None and outcome in GOOD else None,
        complete=result is None or result.complete if complete is None else complete,
    )


def summary(
    board: Board, *, run: str, time: float, seconds: float, saved: float, frozen: bool, signal: int | None
) -> RunFinished:
    """All have their outcome."""
    count = board.count
    failed = count(Outcome.FAILED, Outcome.TIMED_OUT, Outcome.DISTURBED)
    blocked, cancelled = count(Outcome.BLOCKED), count(Outcome.CANCELLED)
    if signal is not None:
        outcome = "interrupted"
    elif failed or cancelled or blocked:
        outcome = "not-up-to-date" if frozen and not failed else "failed"
    else:
        outcome = "ok"
    return RunFinished(
        time=time,
        run=run,
        outcome=outcome,
        ran=count(Outcome.RAN),
        restored=count(Outcome.RESTORED),
        skipped=count(Outcome.SKIPPED),
        failed=failed,
        cancelled=cancelled,
        seconds=seconds,
        saved_seconds=saved,
        blocked=blocked,
        signal=signal,
    )


def interrupted(time: float, signal: int | None) -> RunFinished:
    """A build that was interrupted before it began."""
    return RunFinished(time, "", "interrupted", 0, 0, 0, 0, 0, 0.0, 0.0, signal=signal)
