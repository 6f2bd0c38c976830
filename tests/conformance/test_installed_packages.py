"""One set of laws for everything that tells which packages are installed."""

import glob
import os
import shutil

import pytest

from mlmake.host.packages import InstalledPackages
from mlmake.model.job import Imported
from mlmake.testing.toy.ports import FakeInstalled


class RealPackages:
    """A folder with distributions, as pip would write them."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.port = InstalledPackages("/project", "/python", search=lambda python: [self.folder])

    def install(self, name, version):
        self.remove(name)
        info = f"{self.folder}/{name}-{version}.dist-info"
        os.mkdir(info)
        with open(f"{info}/METADATA", "w") as file:
            file.write(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        with open(f"{info}/RECORD", "w") as file:
            file.write(f"{name}/__init__.py,,\n")

    def remove(self, name):
        for info in glob.glob(f"{self.folder}/{name}-*.dist-info"):
            shutil.rmtree(info)

    def imported(self, *modules):
        return [Imported("/python", self.folder, module) for module in modules]

    def look_anew(self):
        self.port.refresh()


class ToyPackages:
    """A table."""

    def __init__(self):
        self.port = FakeInstalled({})

    def install(self, name, version):
        self.port.versions[name] = version

    def remove(self, name):
        del self.port.versions[name]

    def imported(self, *modules):
        return [Imported("/python", "/packages", module) for module in modules]

    def look_anew(self):
        pass


@pytest.fixture(params=["real", "toy"])
def packages(request, tmp_path):
    return RealPackages(tmp_path) if request.param == "real" else ToyPackages()


def test_modules_have_the_versions_of_their_distributions(packages):
    packages.install("figures", "1.0")
    packages.install("plots", "2.5")
    (found,) = packages.port.resolve(packages.imported("figures", "plots", "nobody_s"))
    assert found.versions == {"figures": "1.0", "plots": "2.5"}
    assert packages.port.now(found) == found.versions


def test_what_belongs_to_no_distribution_is_left_out(packages):
    assert packages.port.resolve(packages.imported("mine")) == ()
    assert packages.port.resolve([]) == ()


def test_another_version_and_none_are_seen(packages):
    packages.install("figures", "1.0")
    packages.install("plots", "2.5")
    (found,) = packages.port.resolve(packages.imported("figures", "plots"))
    packages.install("figures", "1.1")
    packages.remove("plots")
    packages.look_anew()
    assert packages.port.now(found) == {"figures": "1.1"}
    (again,) = packages.port.resolve(packages.imported("figures", "plots"))
    assert again.versions == {"figures": "1.1"}
