"""Lays an example as a project of the user's own, from the files the example itself runs from; it runs nothing."""

import os
from collections.abc import Mapping

NAMES = ("digits",)
"""The examples there are."""

OWN = ("demo.py", "write_data.py")
"""Modules of an example that belong to mlmake's checkout, not to the user's project."""

IGNORED = ".mlmake/\nbuild/\n__pycache__/\n"


class CannotCopy(Exception):
    """The example cannot be laid there; the message has place, cause and mend."""


def copy_example(name: str, target: str) -> list[str]:
    """Write the project into the folder `target`, made if need be; gives the paths written, relative to it.

    Raises `CannotCopy` if there is no such example or a file is in the way, before anything is written.
    """
    if name not in NAMES:
        raise CannotCopy(f"there is no example {name!r}; there is {', '.join(NAMES)}")
    files = project_files(name)
    in_the_way = [path for path in (*files, "Mlfile.toml") if os.path.lexists(os.path.join(target, path))]
    if in_the_way:
        raise CannotCopy(
            f"{os.path.join(target, in_the_way[0])} is there already and is not overwritten; choose another folder"
        )
    for path, content in files.items():
        place = os.path.join(target, path)
        os.makedirs(os.path.dirname(place) or ".", exist_ok=True)
        with open(place, "xb") as file:
            file.write(content)
    return list(files)


def project_files(name: str) -> Mapping[str, bytes]:
    """What a project of this example consists of: paths relative to its root, and their bytes."""
    files = {
        "Mlfile": mlfile_text(name).encode(),
        "README.md": read(home(name), "README.template.md"),
        ".gitignore": IGNORED.encode(),
    }
    for kind, folder, suffix in (("steps", home(name), ".py"), ("data", os.path.join(home(name), "data"), ".csv")):
        for entry in sorted(os.listdir(folder)):
            if entry.endswith(suffix) and entry not in OWN:
                files[f"{kind}/{entry}"] = read(folder, entry)
    return files


def mlfile_text(name: str) -> str:
    """The Mlfile of the example as a project of its own: steps in `steps/`, data in `data/`, outputs in `build/`."""
    return read(home(name), "Mlfile.template").decode()


def checkout_text(name: str) -> str:
    """The same Mlfile for mlmake's own checkout, where steps and data lie in the package: `Mlfile.example`."""
    package = f"mlmake.examples.{name}"
    folder = package.replace(".", "/")
    text = mlfile_text(name).replace("steps.", f"{package}.")
    text = text.replace('"data/', f'"{folder}/data/').replace('"build/', f'"build/{name}/')
    return f"# From {folder}/Mlfile.template. Here every command wants -f: mlmake -f Mlfile.example plan\n#\n{text}"


def home(name: str) -> str:
    """The folder of the example, in a checkout or installed."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)


def read(folder: str, name: str) -> bytes:
    """The bytes of a file."""
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()
