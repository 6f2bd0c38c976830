"""Installed distributions found by looking: names, versions, who owns a module."""

import os
import sys
from importlib import metadata

import pytest

from mlmake.host.packages import InstalledPackages
from mlmake.model.job import Imported
from mlmake.model.trace import Packages

ROOT = "/nowhere"


@pytest.fixture
def site(tmp_path):
    return tmp_path / "site-packages"


def put(site, entry, *, version=None, record="", top=""):
    info = site / entry
    info.mkdir(parents=True, exist_ok=True)
    if version is not None:
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: x\nVersion: {version}\n\nVersion: 9\n")
    if record:
        (info / "RECORD").write_text(record)
    if top:
        (info / "top_level.txt").write_text(top)
    return info


def resolve(site, *modules, python=sys.executable):
    installed = InstalledPackages(ROOT, sys.executable, search=lambda python: [])
    found = installed.resolve([Imported(python, str(site), module) for module in modules])
    return dict(found[0].versions) if found else {}


def test_a_module_belongs_to_who_has_recorded_it(site):
    put(site, "scikit_learn-1.5.0.dist-info", version="1.5.0", record="sklearn/__init__.py,,\nsklearn/x.py,,\n")
    put(site, "PyYAML-6.0.dist-info", version="6.0", record="_yaml/__init__.py,,\nyaml/__init__.py,,\n")
    put(site, "six-1.16.dist-info", version="1.16", record="six.py,,\n__pycache__/six.cpython-311.pyc,,\n")
    put(site, "fast-2.dist-info", version="2", record="_fast.cpython-311-x86_64-linux-gnu.so,,\n")
    assert resolve(site, "sklearn", "yaml", "six", "_fast", "nobody") == {
        "scikit-learn": "1.5.0",
        "pyyaml": "6.0",
        "six": "1.16",
        "fast": "2",
    }


def test_a_namespace_belongs_to_all_who_have_a_part_of_it(site):
    put(site, "g_auth-1.dist-info", version="1", record="google/auth/__init__.py,,\n")
    put(site, "g_store-2.dist-info", version="2", record="google/store/__init__.py,,\n")
    assert resolve(site, "google") == {"g-auth": "1", "g-store": "2"}


def test_a_distribution_named_like_another_s_module_is_not_it(site):
    put(site, "yaml-9.dist-info", version="9", record="other/__init__.py,,\n")
    put(site, "PyYAML-6.dist-info", version="6", record="yaml/__init__.py,,\n")
    assert resolve(site, "yaml") == {"pyyaml": "6"}


def test_older_ways_of_installing(site):
    put(site, "old_one-1.2-py3.11.egg-info", top="old_one\n").joinpath("PKG-INFO").write_text("Version: 1.2\n")
    (site / "plain-3.4.egg-info").write_text("Metadata-Version: 1.0\nVersion: 3.4\n")
    put(site, "bare-5.6.dist-info", top="bare\n")
    assert resolve(site, "old_one", "bare") == {"old-one": "1.2", "bare": "5.6"}
    packages = Packages(str(site), sys.executable, True, {"plain": "0"})
    assert InstalledPackages(ROOT, sys.executable).now(packages) == {"plain": "3.4"}


def test_looks_are_kept_until_they_are_refreshed(site):
    info = put(site, "a-1.dist-info", version="1", top="a\n")
    installed = InstalledPackages(ROOT, sys.executable)
    (packages,) = installed.resolve([Imported(sys.executable, str(site), "a")])
    (info / "METADATA").write_text("Version: 2\n")
    assert installed.now(packages) == {"a": "1"}
    installed.refresh()
    assert installed.now(packages) == {"a": "2"}
    os.rename(info, site / "gone")
    installed.refresh()
    assert installed.now(packages) == {}


def test_paths_that_the_answer_depends_on(site):
    info = put(site, "a-1.dist-info", version="1", top="a\n")
    installed = InstalledPackages(ROOT, sys.executable)
    (packages,) = installed.resolve([Imported(sys.executable, str(site), "a")])
    assert {str(site), str(info / "METADATA")} <= set(installed.looked_at(packages))


def test_another_interpreter_of_the_project_looks_elsewhere(site, tmp_path):
    put(site, "a-1.dist-info", version="1", top="a\n")
    put(tmp_path / "new", "a-2.dist-info", version="2", top="a\n")
    old = InstalledPackages(ROOT, "/old/bin/python", search=lambda python: pytest.fail("nobody asked"))
    (own,) = old.resolve([Imported("/old/bin/python", str(site), "a")])
    (other,) = old.resolve([Imported("/usr/bin/python-of-its-own", str(site), "a")])
    assert (own.own, other.own, old.now(own)) == (True, False, {"a": "1"})
    new = InstalledPackages(ROOT, "/new/bin/python", search=lambda python: [str(tmp_path / "new")])
    assert new.now(own) == {"a": "2"}
    assert new.now(other) == {"a": "1"}, "a step that has an interpreter of its own keeps it"


def test_the_versions_are_those_that_python_itself_tells():
    folder = os.path.dirname(os.path.dirname(pytest.__file__))
    wanted = {"pytest": "pytest", "click": "click", "yaml": "pyyaml", "sklearn": "scikit-learn", "attr": "attrs"}
    known = {}
    for module, name in wanted.items():
        try:
            known[module, name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    assert ("pytest", "pytest") in known
    found = resolve(folder, *(module for module, _ in known))
    assert found == {name: version for (_, name), version in known.items()}


def test_a_project_may_be_moved_with_its_environment(tmp_path):
    put(tmp_path / "old/env/site-packages", "a-1.dist-info", version="1", top="a\n")
    python = str(tmp_path / "old/env/bin/python")
    before = InstalledPackages(str(tmp_path / "old"), python)
    (packages,) = before.resolve([Imported(python, str(tmp_path / "old/env/site-packages"), "a")])
    assert (packages.folder, packages.python) == ("env/site-packages", "env/bin/python")
    os.rename(tmp_path / "old", tmp_path / "new")
    nobody = lambda python: pytest.fail("nobody asked")  # noqa: E731
    after = InstalledPackages(str(tmp_path / "new"), str(tmp_path / "new/env/bin/python"), search=nobody)
    assert after.now(packages) == {"a": "1"}
