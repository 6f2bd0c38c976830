"""The limits of the machine, lowered for real where that is possible."""

import subprocess

from rooms import limited, on_tmpfs

from mlmake.host import limits
from mlmake.model.finding import Severity
from mlmake.model.units import Bytes

GIB = 2**30


def test_few_descriptors_are_a_problem_and_a_few_more_a_warning():
    code = "from mlmake.host.limits import open_files\nf = open_files(4)\nprint(f.severity, f.mend)"
    assert limited("resource.RLIMIT_NOFILE, 100", code) == "problem ulimit -n 512\n"
    assert limited("resource.RLIMIT_NOFILE, 200", code) == "warning ulimit -n 512\n"
    assert limited("resource.RLIMIT_NOFILE, 256", code) == "ok \n"


def test_a_hard_limit_that_is_too_low_is_no_matter_of_ulimit():
    code = "resource.setrlimit(name, (100, 120))\nfrom mlmake.host.limits import open_files\nprint(open_files(4).mend)"
    assert limited("resource.RLIMIT_NOFILE, 100", code) == "raise the hard limit, or lower -j\n"


def test_few_processes_are_a_problem_but_for_root():
    code = (
        "from mlmake.host.limits import processes\n"
        "print(processes(2, used=90, root=False).severity, processes(2, used=50, root=False).severity,"
        " processes(2, used=10, root=False).severity, processes(2, used=90, root=True).severity)"
    )
    assert limited("resource.RLIMIT_NPROC, 100", code) == "problem warning ok ok\n"


def test_processes_of_a_user_are_counted():
    import os

    assert limits.processes_of(os.geteuid()) >= 1
    assert limits.processes_of(4_000_000) == 0


def test_a_control_group_limits_processes(tmp_path):
    group = control_group(tmp_path, {"pids.max": "max"}, {"pids.max": "50", "pids.current": "45"})
    found = limits.processes(2, used=0, root=True, cgroup=group)
    assert (found.severity, found.what) == (
        Severity.PROBLEM,
        "50 processes allowed by the control group, 45 in use",
    )


def control_group(folder, *levels):
    """Folders in each other with these files, outermost first; gives the innermost."""
    for number, files in enumerate(levels):
        folder = folder / f"group{number}"
        folder.mkdir()
        (folder / "cgroup.procs").write_text("")
        for name, text in files.items():
            (folder / name).write_text(text + "\n")
    return str(folder)


def test_a_control_group_further_out_limits_memory_too(tmp_path):
    group = control_group(tmp_path, {"memory.max": str(2 * GIB)}, {"memory.max": "max"})
    found = limits.memory(Bytes(8 * GIB), physical=16 * GIB, cgroup=group)
    assert found.severity is Severity.WARNING
    assert found.what == "2.0 GiB of memory allowed by the control group, and steps are scheduled for 8.0 GiB"
    assert found.mend == '[resources] memory = "2048 MiB" in the Mlfile'
    assert limits.memory(Bytes(2 * GIB), physical=16 * GIB, cgroup=group).severity is Severity.OK


def test_the_older_layout_of_control_groups_counts(tmp_path):
    group = control_group(tmp_path, {"memory.limit_in_bytes": str(GIB)})
    assert limits.memory(Bytes(2 * GIB), physical=4 * GIB, cgroup=group).severity is Severity.WARNING
    group = control_group(tmp_path / "group0", {"cpu.cfs_quota_us": "150000", "cpu.cfs_period_us": "100000"})
    assert limits.cpus(4, cgroup=group).what == "4 CPUs usable, 1.5 granted by the control group"
    free = control_group(tmp_path / "group0" / "group0", {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"})
    assert limits.cpus(1, cgroup=free).severity is Severity.OK


def test_fewer_cpus_granted_than_usable(tmp_path):
    group = control_group(tmp_path, {"cpu.max": "50000 100000"})
    found = limits.cpus(4, cgroup=group)
    assert (found.severity, found.mend) == (
        Severity.WARNING,
        "-j 1, MLMAKE_JOBS=1, or [resources] cpus = 1 in the Mlfile",
    )
    inner = control_group(tmp_path / "group0", {"cpu.max": "max 100000"})
    assert limits.cpus(4, cgroup=inner).what == "4 CPUs usable, 0.5 granted by the control group"
    assert limits.cpus(4, cgroup=None).severity is Severity.OK


def test_the_own_control_group_is_found_in_both_layouts(tmp_path):
    (tmp_path / "memory/box").mkdir(parents=True)
    (tmp_path / "own").mkdir()
    groups = tmp_path / "groups"
    groups.write_text("4:memory:/box\n0::/own\n")
    assert limits.control_group("memory", groups=str(groups), top=str(tmp_path)) == f"{tmp_path}/memory/box"
    assert limits.control_group("pids", groups=str(groups), top=str(tmp_path)) == f"{tmp_path}/own"
    groups.write_text("4:memory:/not/seen/from/inside\n")
    assert limits.control_group("memory", groups=str(groups), top=str(tmp_path)) == f"{tmp_path}/memory"
    assert limits.control_group("memory", groups=str(tmp_path / "none")) is None


def test_little_shared_memory_is_a_warning():
    code = "from mlmake.host.limits import shared_memory\nf = shared_memory(here)\nprint(f.severity, f.what)"
    assert on_tmpfs("size=64m", code) == "warning 64.0 MiB of 64.0 MiB shared memory free\n"
    assert on_tmpfs("size=512m", code) == "ok 512.0 MiB of 512.0 MiB shared memory free\n"


def test_no_shared_memory_is_a_warning(tmp_path):
    found = limits.shared_memory(str(tmp_path / "shm"))
    assert found.severity is Severity.WARNING
    assert "No such file" in found.what


def test_no_inotify_instances_are_seen_by_the_limit_of_the_namespace():
    code = (
        "from mlmake.host.limits import watches\nprint(*(f'{f.check} {f.severity}' for f in watches(10)), sep=chr(10))"
    )
    lowered = "echo 3 > /proc/sys/user/max_inotify_instances && echo 15 > /proc/sys/user/max_inotify_watches"
    assert on_tmpfs("size=1m", code, before=lowered) == "inotify-watches warning\ninotify-instances warning\n"


def test_watches_are_held_against_the_folders_there_are(tmp_path):
    (tmp_path / "fs/inotify").mkdir(parents=True)
    (tmp_path / "fs/inotify/max_user_watches").write_text("8192\n")
    assert limits.watches(100, limits=str(tmp_path))[0].severity is Severity.OK
    (found,) = limits.watches(5000, limits=str(tmp_path))
    assert found.mend == "sysctl fs.inotify.max_user_watches=65536"
    assert limits.watches(5, limits=str(tmp_path / "none")) == []


def test_the_real_limits_are_those_of_the_shell():
    told = subprocess.run(["sh", "-c", "ulimit -n"], capture_output=True, text=True).stdout.strip()
    assert limits.open_files(1).what.startswith("any number" if told == "unlimited" else told)
