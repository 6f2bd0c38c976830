"""What every executor does, also one that runs nothing but a function of the test."""

import os
import sys
import textwrap

import pytest

from mlmake.executors.local import LocalExecutor
from mlmake.executors.warm import WarmExecutor
from mlmake.model.job import Ended, FunctionCall, How, Job, Process
from mlmake.testing.toy.ports import FakeExecutor


class Bench:
    """Jobs whose step notes its name in a file and ends with a code."""

    def __init__(self, kind, folder):
        self.kind, self.folder = kind, folder
        self.codes = {}
        if kind == "toy":
            self.executor = FakeExecutor(self.toy)
        elif kind == "warm":
            self.executor = WarmExecutor(sys.executable, str(folder), (), lambda *note: None)
        else:
            self.executor = LocalExecutor(lambda *note: None)

    def toy(self, job, cancelled):
        if cancelled:
            return Ended(How.CANCELLED, None, 0.0)
        with open(self.folder / "ran", "a") as file:
            file.write(job.action + "\n")
        return Ended(How.EXITED, self.codes[job.id], 0.0)

    def job(self, name, code=0):
        self.codes[name] = code
        body = f"""
            import sys
            def run():
                with open("ran", "a") as file:
                    file.write("{name}\\n")
                sys.exit({code})
            if __name__ == "__main__":
                run()
        """
        (self.folder / f"step_{name}.py").write_text(textwrap.dedent(body))
        order = FunctionCall(f"step_{name}", "run", {}, {"target": name})
        if self.kind != "warm":
            order = Process((sys.executable, f"step_{name}.py"))
        log = str(self.folder / f"{name}.log")
        return Job(name, name, order, str(self.folder), log=log, env=dict(os.environ))

    def execute(self, job):
        return self.executor.execute(job, lambda remark: None)

    def ran(self):
        place = self.folder / "ran"
        return place.read_text().split() if place.exists() else []


@pytest.fixture(params=["local", "warm", "toy"])
def bench(request, tmp_path):
    bench = Bench(request.param, tmp_path)
    yield bench
    bench.executor.close()


def test_success_is_exit_code_0(bench):
    ended = bench.execute(bench.job("a"))
    assert (ended.how, ended.code, ended.succeeded) == (How.EXITED, 0, True)
    assert ended.seconds >= 0
    assert bench.ran() == ["a"]


def test_an_exit_code_is_told(bench):
    ended = bench.execute(bench.job("a", code=3))
    assert (ended.how, ended.code, ended.succeeded) == (How.EXITED, 3, False)


def test_a_job_that_was_cancelled_does_not_begin(bench):
    job, other = bench.job("a"), bench.job("b")
    bench.executor.cancel("a")
    ended = bench.execute(job)
    assert ended.how is How.CANCELLED and not ended.succeeded
    assert bench.execute(other).succeeded
    assert bench.ran() == ["b"]


def test_unknown_jobs_cannot_be_cancelled_and_nobody_minds(bench):
    bench.executor.cancel("nobody", kill=True)
    assert bench.execute(bench.job("a")).succeeded
